package transport

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestResolverAsksOnceAndCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := NewResolver(func(context.Context, string) ([]netip.Addr, error) {
			asked++
			time.Sleep(10 * time.Millisecond)
			return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")}, nil
		}, false, time.Now)
		defer r.Close()
		var got []netip.Addr
		note := func(a netip.Addr, err error) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, a)
		}
		r.Resolve("a.example", note)
		r.Resolve("a.example", note)
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		r.Resolve("a.example", note)
		if asked != 1 || len(got) != 3 || got[0] != netip.MustParseAddr("192.0.2.1") {
			t.Fatalf("asked %d times, got %v", asked, got)
		}
		time.Sleep(resolverTTL)
		r.Resolve("a.example", note)
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if asked != 2 {
			t.Errorf("asked %d times after the entry expired, want 2", asked)
		}
	})
}

func TestResolverIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewResolver(func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, false, time.Now)
		busy, failed := 0, 0
		for i := range resolverQueries + 7 {
			r.Resolve("h"+strconv.Itoa(i), func(_ netip.Addr, err error) {
				if errors.Is(err, ErrBusy) {
					busy++
				}
			})
		}
		if busy != 7 {
			t.Errorf("%d queries refused, want 7", busy)
		}
		r.Resolve("h0", func(_ netip.Addr, err error) {
			if errors.Is(err, context.Canceled) {
				failed++
			}
		})
		r.Close()
		if failed != 1 {
			t.Error("a waiting caller was not told of Close")
		}
	})
}

func TestResolverFindsWhatTheSocketCanSendTo(t *testing.T) {
	for name, c := range map[string]struct {
		six   bool
		found []string
		want  string // none: an error
	}{
		"IPv4 socket, both":           {false, []string{"2001:db8::1", "192.0.2.1", "192.0.2.2"}, "192.0.2.1"},
		"IPv6 socket, both":           {true, []string{"192.0.2.1", "2001:db8::1", "2001:db8::2"}, "2001:db8::1"},
		"IPv4 socket, IPv6 alone":     {false, []string{"2001:db8::1"}, ""},
		"IPv6 socket, IPv4 alone":     {true, []string{"192.0.2.1", "::ffff:192.0.2.1"}, ""},
		"IPv4 socket, in IPv6's form": {false, []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		"none":                        {false, nil, ""},
	} {
		r := NewResolver(func(context.Context, string) (found []netip.Addr, err error) {
			for _, a := range c.found {
				found = append(found, netip.MustParseAddr(a))
			}
			return found, nil
		}, c.six, time.Now)
		got := make(chan string, 1)
		r.Resolve("a.example", func(a netip.Addr, err error) {
			if err != nil {
				got <- ""
				return
			}
			got <- a.String()
		})
		if a := <-got; a != c.want {
			t.Errorf("%s: %q, want %q", name, a, c.want)
		}
		r.Close()
	}
}

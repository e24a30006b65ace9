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
		}, time.Now)
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
		}, time.Now)
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

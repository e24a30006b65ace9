package phones

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Two phones that know each other's socket need no proxy: what is tested here
// is that a phone is a correct user agent.
func TestPhonesCallEachOther(t *testing.T) {
	for name, ring := range map[string]time.Duration{"answers at once": 0, "rings first": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			bob := phone(t, Config{User: "bob", Ring: ring})
			alice := phone(t, Config{User: "alice", Proxy: bob.local})
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			call, err := alice.Dial(ctx, "bob")
			if err != nil {
				t.Fatal(err)
			}
			if call.Setup < ring {
				t.Errorf("answered after %v, should have rung for %v", call.Setup, ring)
			}
			if err := call.reinvite(ctx); err != nil {
				t.Error(err)
			}
			if err := call.Bye(ctx); err != nil {
				t.Error(err)
			}
			if err := call.Bye(ctx); err == nil {
				t.Error("a second BYE of the call was answered 200, want 481")
			}
			if a, h := bob.Answered.Load(), bob.Hungup.Load(); a != 1 || h != 1 {
				t.Errorf("bob answered %d calls and saw %d hang-ups, want 1 and 1", a, h)
			}
		})
	}
}

func phone(t *testing.T, c Config) *Phone {
	t.Helper()
	c.Domain, c.Local = "example.com", netip.MustParseAddrPort("127.0.0.1:0")
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestClosedPhoneIsGone(t *testing.T) {
	bob := phone(t, Config{User: "bob"})
	alice := phone(t, Config{User: "alice", Proxy: bob.local})
	bob.Close()
	bob.Close() // again is harmless
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := bob.Dial(ctx, "alice"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed phone's call ends with %v, want %v", err, net.ErrClosed)
	}
	again, err := New(Config{User: "carol", Domain: "example.com", Local: bob.local})
	if err != nil {
		t.Fatalf("its socket is not free: %v", err)
	}
	t.Cleanup(again.Close)
	if _, err := alice.Dial(ctx, "carol"); err != nil {
		t.Errorf("the phone that has its socket now cannot be called: %v", err)
	}
}

// reinvite refreshes the session (RFC 3261 14); nil when it was answered 200.
func (c *Call) reinvite(ctx context.Context) error {
	c.cseq++
	r := c.inDialog("INVITE")
	r.headers = append(r.headers, "Contact: <"+c.p.Contact()+">", "Content-Type: application/sdp")
	r.body = offer
	res, err := c.p.do(ctx, r)
	if err != nil {
		return fmt.Errorf("re-INVITE %s: %w", c.RemoteUserPart, err)
	}
	if res.StatusCode != sip.StatusOK {
		return fmt.Errorf("re-INVITE %s: %d %s", c.RemoteUserPart, res.StatusCode, res.Reason)
	}
	return c.ack()
}

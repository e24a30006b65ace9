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
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
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

// Who was called hangs up, and both ends know; over IPv6 as over IPv4.
func TestThePhoneThatWasCalledHangsUp(t *testing.T) {
	for _, local := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(local, func(t *testing.T) {
			l := pair(t, Config{Local: netip.MustParseAddrPort(local)})
			if o := l.CallAllBack(t.Context()); !o.Whole() || o.Of != 2 {
				t.Errorf("called and hung up %v, want 2/2: %v", o, o.Errors)
			}
			if a, h := l.answered(), l.hungup(); a != 2 || h != 2 {
				t.Errorf("the phones answered %d calls and were told of %d ends, want 2 and 2", a, h)
			}
			if err := l.Phones[0].HangUp(t.Context(), "another"); err == nil {
				t.Error("a call that it is not in was hung up")
			}
		})
	}
}

// Within a dialog a phone that goes by Route sends to the first one, if that is an
// address.
func TestByRoute(t *testing.T) {
	for name, tt := range map[string]struct {
		byRoute bool
		routes  []string
		want    string
	}{
		"to the proxy":          {false, []string{"<sip:192.0.2.1;lr>"}, ""},
		"no route":              {true, nil, ""},
		"IPv4":                  {true, []string{"<sip:t@192.0.2.1;lr>", "<sip:[2001:db8::1];lr>"}, "192.0.2.1:5060"},
		"IPv6":                  {true, []string{"<sip:t@[2001:db8::1]:5070;lr>"}, "[2001:db8::1]:5070"},
		"a name is the proxy's": {true, []string{"<sip:sip.example.com;lr>"}, ""},
		"nothing to be read":    {true, []string{"<"}, ""},
	} {
		c := &Call{p: &Phone{cfg: Config{ByRoute: tt.byRoute}}, routes: tt.routes}
		if got := c.nextHop(); got != tt.want {
			t.Errorf("%s: next hop %q, want %q", name, got, tt.want)
		}
	}
}

// Each phone goes through the proxy of its own family.
func TestThroughTheProxyOfTheOwnFamily(t *testing.T) {
	l := &Load{Phones: []*Phone{
		{local: netip.MustParseAddrPort("192.0.2.9:5060")}, {local: netip.MustParseAddrPort("[2001:db8::9]:5060")},
	}}
	four, six := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("[2001:db8::1]:5060")
	l.Through(six, four)
	l.Through(netip.MustParseAddrPort("[2001:db8::2]:5060"))
	if a, b := l.Phones[0].proxy(), l.Phones[1].proxy(); a != four.String() || b != "[2001:db8::2]:5060" {
		t.Errorf("through %s and %s, want the last of each family", a, b)
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
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
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
	r.headers = append(r.headers, "Content-Type: application/sdp")
	r.contact, r.body = c.p.contactLine, offer
	res, err := c.do(ctx, r)
	if err != nil {
		return fmt.Errorf("re-INVITE %s: %w", c.RemoteUserPart, err)
	}
	if res.StatusCode != sip.StatusOK {
		return fmt.Errorf("re-INVITE %s: %d %s", c.RemoteUserPart, res.StatusCode, res.Reason)
	}
	return c.ack()
}

package phones

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

func overConnections(t *testing.T, x *exchange, outbound bool) *Load {
	t.Helper()
	l, err := NewLoad(2, Config{
		Domain: "example.com", Local: netip.MustParseAddrPort("127.0.0.1:0"), Proxy: x.at, Transport: x.over, TLS: x.tls,
		Outbound: outbound, Reconnect: 10 * time.Millisecond,
	}, New)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	if o := l.Register(t.Context()); !o.Whole() {
		t.Fatalf("registered %v: %v", o, o.Errors)
	}
	return l
}

// Phones with connections call and hang up as others do. After the connections are over
// they are back, the same instances from other ports, and what they send meanwhile goes
// over the next ones.
func TestPhonesOverConnections(t *testing.T) {
	for _, over := range []flow.Transport{flow.TCP, flow.TLS, flow.WS, flow.WSS} {
		for name, outbound := range map[string]bool{"as of old": false, "with RFC 5626": true} {
			t.Run(over.String()+" "+name, func(t *testing.T) {
				x := newExchange(t, over)
				l := overConnections(t, x, outbound)
				if o := l.CallAllBack(t.Context()); !o.Whole() {
					t.Fatalf("called and hung up %v: %v", o, o.Errors)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				call, err := l.Phones[0].Dial(ctx, User(1))
				if err != nil {
					t.Fatal(err)
				}
				before := l.Phones[0].Address()
				x.drop()
				if err := call.Bye(ctx); err != nil {
					t.Errorf("hung up after the connections were over: %v", err)
				}
				for _, p := range l.Phones {
					if n, _ := p.Reconnected(); n != 1 {
						t.Errorf("%s has lost %d connections, want 1", p.User(), n)
					}
				}
				if l.Phones[0].Address() == before {
					t.Errorf("it is at %s as before", before)
				}
				checkRegisters(t, x, outbound)
			})
		}
	}
}

// checkRegisters looks at the first and the last registration of a phone.
func checkRegisters(t *testing.T, x *exchange, outbound bool) {
	t.Helper()
	var own []string
	for _, r := range x.registered() {
		if userOf(field(r, "To")) == User(0) {
			own = append(own, r)
		}
	}
	if len(own) != 2 {
		t.Fatalf("registered %d times, want 2", len(own))
	}
	if a, b := field(own[0], "Call-ID"), field(own[1], "Call-ID"); a != b {
		t.Errorf("Call-ID %s, then %s", a, b)
	}
	contact := map[flow.Transport]string{flow.TCP: ";transport=tcp", flow.TLS: ";transport=tls", flow.WS: ".invalid;transport=ws", flow.WSS: ".invalid;transport=ws"}[x.over]
	var instance []string
	for _, r := range own {
		c := field(r, "Contact")
		_, id, known := strings.Cut(c, "+sip.instance=")
		instance = append(instance, id)
		if !strings.Contains(c, contact) || known != outbound || strings.Contains(c, ";ob") != outbound || strings.Contains(c, ";reg-id=1") != outbound {
			t.Errorf("registers %s", c)
		}
		if via := field(r, "Via"); !strings.HasPrefix(via, "SIP/2.0/"+x.over.String()+" ") {
			t.Errorf("sent by %s", via)
		}
	}
	if instance[0] != instance[1] {
		t.Errorf("instance %s, then %s", instance[0], instance[1])
	}
}

// A phone of TLS talks to no cluster but that of its domain.
func TestPhoneVerifiesTheCluster(t *testing.T) {
	x := newExchange(t, flow.TLS)
	for name, cfg := range map[string]Config{"another domain": {Domain: "example.org", TLS: x.tls}, "an unknown authority": {Domain: "example.com"}} {
		cfg.User, cfg.Local, cfg.Proxy, cfg.Transport = "alice", netip.MustParseAddrPort("127.0.0.1:0"), x.at, flow.TLS
		if p, err := New(cfg); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", name, err)
			if p != nil {
				p.Close()
			}
		}
	}
}

// A BYE of which only the answer was lost is sent again, and answered 481: that is the end of
// the call where the other phone knows that it is over (RFC 3261 15.1.1).
func TestByeThatArrivedBefore(t *testing.T) {
	l := overConnections(t, newExchange(t, flow.TCP), false)
	call, err := l.Phones[0].Dial(t.Context(), User(1))
	if err != nil {
		t.Fatal(err)
	}
	l.Phones[1].forget(call.callID)
	if err := call.Bye(t.Context()); Status(err) != 481 {
		t.Errorf("Bye: %v, want 481", err)
	}
	if err := call.ByeTo(t.Context(), l.Phones[1]); err != nil {
		t.Errorf("ByeTo: %v", err)
	}
	other := &Phone{calls: map[string]*answer{call.callID: {}}} // it knows of the call
	if err := call.ByeTo(t.Context(), other); Status(err) != 481 {
		t.Errorf("ByeTo one that has the call: %v, want 481", err)
	}
}

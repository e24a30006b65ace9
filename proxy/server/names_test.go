package server

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// TestSilentNamesOfAStranger: contacts with names that no server answers for keep
// no call to another name waiting, though there are more than can be asked for at
// once.
func TestSilentNamesOfAStranger(t *testing.T) {
	t.Parallel()
	var silent atomic.Int64
	x := startProxy(t, anyContact, func(o *proxyOptions) {
		o.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			if host == "phone.office" {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
			silent.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	alice, bob, mallory := newPhoneAt(t, "alice", "127.0.0.2:0"), newPhone(t, "bob"), newPhoneAt(t, "bob", "127.0.0.3:0") // registerAt is for a bob
	bob.registerAt(x, "sip:bob@example.com", fmt.Sprintf("sip:bob@phone.office:%d", bob.addr.Port()))
	for i := range 8 {
		aor := fmt.Sprintf("sip:mallory%d@example.com", i)
		for j := range 10 {
			mallory.registerAt(x, aor, fmt.Sprintf("sip:x@n%d.test%d", i, 10*i+j))
		}
		mallory.ring(x.addr, aor)
		mallory.status(100)
	}
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
	counted(t, "silent names asked for", func() uint64 { return min(1, uint64(silent.Load())) }, 1)
}

// A contact whose phone is reached by its flow has no name to ask for.
func TestFlowNeedsNoName(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	x := startProxy(t, func(o *proxyOptions) {
		o.lookup = func(context.Context, string) ([]netip.Addr, error) { asked.Add(1); return nil, context.Canceled }
	})
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	text := bob.registerText(unique("reg"), 1, "Contact: <sip:bob@pc.office:5060>")
	bob.sendRaw(x.addr, []byte(strings.Replace(string(text), "UDP "+bob.addr.String(), "UDP 10.0.0.9", 1)))
	bob.status(200)
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
	if asked.Load() > 0 {
		t.Errorf("%d names were asked for", asked.Load())
	}
}

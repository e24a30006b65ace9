package transport

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// TestRoamingListener: a connection is opened from the host's own address, and not from that
// of the listener, where an answer to that may reach another host.
func TestRoamingListener(t *testing.T) {
	const shared = "127.0.0.9"
	other := streamStack(t, StreamConfig{Transport: flow.TCP})
	for roams, want := range map[bool]string{false: shared, true: "127.0.0.1"} {
		stack, err := Listen(ListenConfig{Streams: []StreamConfig{{Transport: flow.TCP, Address: netip.MustParseAddrPort(shared + ":0"), Roams: roams}}})
		if err != nil {
			t.Fatal(err)
		}
		h := newFar(t, stack)
		stack.Serve(h, me)
		opened := await(t, h.open(Destination{Transport: flow.TCP, Addr: other.stack.AddressOf(flow.TCP, 0)}), 1, "openings")
		if opened.err != nil {
			t.Fatal(opened.err)
		}
		if err := stack.Send(opened.flow, []byte(options("a", ""))); err != nil {
			t.Error(err)
		}
		if came := await(t, other.messages, 1, "messages"); came.flow.Remote.Addr().String() != want {
			t.Errorf("roams %v: it comes from %s, want %s", roams, came.flow.Remote, want)
		}
	}
}

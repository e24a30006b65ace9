package transaction

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// lastOutlet notes where the last response went.
type lastOutlet struct{ to netip.AddrPort }

func (o *lastOutlet) Upstream(_ *ResponseContext, to flow.Flow, _ []byte, _ bool) { o.to = to.Remote }

func (o *lastOutlet) Downstream(*ResponseContext, *Branch, []byte) bool { return true }

// TestResponsesFollowTheSendersPort: a NAT that has forgotten a flow gives the
// retransmission another port, and lets nothing through the old one (RFC 3581 4).
// Another address gets nothing: whoever sees a Via could have the responses.
func TestResponsesFollowTheSendersPort(t *testing.T) {
	const first = "192.0.2.1:38492"
	for again, want := range map[string]string{
		first: first, "192.0.2.1:59502": "192.0.2.1:59502", "192.0.2.2:38492": first,
	} {
		for _, answered := range []bool{false, true} {
			out := &lastOutlet{}
			table := NewTable(Options{}, out)
			bye := func(from string) Disposition {
				return table.Request(rigStart, rigKey, scan(t, request("BYE")), flow.Flow{Remote: netip.MustParseAddrPort(from)}, Known)
			}
			answer := func() { table.Refuse(rigStart, rigKey, byProxy(t, 481)) }
			if d := bye(first); d != New {
				t.Fatalf("a BYE is %v", d)
			}
			table.Fork(rigStart, rigKey, []Target{{Branch: rigBranch(1), Bytes: forwarded("BYE", 1)}})
			if answered {
				answer()
			}
			if d := bye(again); d != Retransmission {
				t.Fatalf("the BYE again is %v", d)
			}
			if !answered {
				answer()
			}
			if got := out.to.String(); got != want {
				t.Errorf("BYE from %s and from %s, answered before: %v: the response goes to %s, want %s", first, again, answered, got, want)
			}
		}
	}
}

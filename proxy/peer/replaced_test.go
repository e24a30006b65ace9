package peer

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
)

// A phone that is back over another connection: its home says which one that was before,
// once, whichever member it registers through.
func TestReplacedConnectionIsToldAtTheHome(t *testing.T) {
	c := newTrial(t, 2)
	c.startAll()
	conn := flow.Flow{Transport: flow.TLS, Remote: netip.MustParseAddrPort("192.0.2.7:40000"), Owner: 1, Life: 9}
	for i, via := range []uint32{1, 2, 2} {
		status := make(chan int, 1)
		op := registerOp("sip:a@example.com", "sip:a@192.0.2.7", uint32(i+1), func(op *cluster.RegisterOp) { status <- op.Status })
		conn.Conn = uint64(1 + min(i, 1))
		op.Update.Flow = conn
		c.nodes[via].Register(op)
		if s := <-status; s != 200 {
			t.Fatalf("registered: %d", s)
		}
	}
	told := func() (all []flow.Flow) {
		for _, in := range c.inboxes {
			in.mu.Lock()
			all = append(all, in.replaced...)
			in.mu.Unlock()
		}
		return all
	}
	until(t, "the home has told it", func() bool { return len(told()) > 0 })
	conn.Conn = 1
	if all := told(); len(all) != 1 || !all[0].Equal(conn) {
		t.Errorf("told of %v", all)
	}
}

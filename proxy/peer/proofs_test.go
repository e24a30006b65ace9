package peer

import (
	"testing"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// Beside a member of a version that knows nothing of proofs none is used up: it could not
// read what it is sent of them, and what has to be with it would not be answered.
func TestProofsBesideAnEarlierVersion(t *testing.T) {
	c := newTrial(t, 2)
	c.startAll()
	source := uint64(0)
	prove := func() int {
		source++ // who proves the same from elsewhere repeats what somebody else has shown
		status := make(chan int, 1)
		c.nodes[1].Register(&cluster.RegisterOp{
			Update: location.Update{AOR: []byte("sip:a@example.com"), Source: source, Proof: location.Proof{Nonce: 7, Count: 1}},
			Done:   func(op *cluster.RegisterOp) { status <- op.Status },
		})
		return <-status
	}
	l := &link{surroundings: &surroundings{links: c.nodes[1].links}}
	for _, step := range []struct {
		peer *hello // of the stream that there is now
		want int
	}{
		{nil, location.StatusOK},
		{nil, location.StatusReplayed},
		{&hello{}, location.StatusOK},
		{&hello{Vouches: true}, location.StatusOK},
		{&hello{Proofs: true}, location.StatusReplayed},
		{&hello{}, location.StatusOK},
		{nil, location.StatusReplayed},
	} {
		l.mu.Lock()
		if step.peer == nil {
			l.have(nil)
		} else {
			l.have(&stream{peer: *step.peer})
		}
		l.mu.Unlock()
		if status := prove(); status != step.want {
			t.Errorf("beside %+v: %d, want %d", step.peer, status, step.want)
		}
	}
}

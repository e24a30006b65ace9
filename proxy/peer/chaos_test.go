package peer

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

var chaosSeed = flag.Uint64("chaos-seed", 0, "seed of TestChaos; 0 draws one")

// TestChaos breaks streams and kills and restarts members, one at a time, while
// bindings are changed and read: what was acknowledged is what is found, by
// everyone, all the time.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-chaos-seed=%d (order of faults only: threads and sockets go their own way)", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newTrial(t, 4)
	c.startAll()
	traffic := c.traffic()
	for range 25 {
		victim := random.Uint32N(4) + 1
		fault := random.IntN(4)
		t.Logf("%s fault %d at member %d", time.Now().Format("05.000000"), fault, victim)
		switch fault {
		case 0: // every stream of it breaks at once
			for _, l := range c.nodes[victim].links.all() {
				if s := l.stream(); s != nil {
					s.fail(errClosed)
				}
			}
		case 1: // it comes back at once
			traffic.without(victim)
			c.kill(victim)
			c.start(victim)
		case 2: // it comes back when the others have missed it
			traffic.without(victim)
			c.kill(victim)
			c.settled()
			c.start(victim)
		case 3: // a newer set, told to one only
			c.publish(func(s *config.MemberSet) { s.Advertise = fmt.Sprint(random.Uint32()) }, victim)
		}
		c.settled()
		t.Logf("%s settled", time.Now().Format("05.000000"))
		traffic.with(victim, c.nodes[victim])
	}
	traffic.end()
	if traffic.acknowledged < 100 || traffic.reads < 100 {
		t.Errorf("%d updates and %d reads only", traffic.acknowledged, traffic.reads)
	}
	t.Logf("%d updates acknowledged, %d not; %d reads, %d of them without an answer", traffic.acknowledged, traffic.refused, traffic.reads, traffic.unavailable)
}

// traffic keeps changing and reading one binding of each of some users.
type traffic struct {
	c    *trial
	stop chan struct{}
	done sync.WaitGroup

	mu                                        sync.Mutex
	edges                                     map[uint32]edge
	acknowledged, refused, reads, unavailable int
}

func (c *trial) traffic() *traffic {
	tr := &traffic{c: c, stop: make(chan struct{}), edges: map[uint32]edge{}}
	for id, n := range c.nodes {
		tr.with(id, n)
	}
	for user := range 8 {
		tr.done.Go(func() { tr.user(user) })
	}
	return tr
}

// without takes an edge away before its process dies: what is asked of a dead
// process is nobody's promise.
func (tr *traffic) without(id uint32) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	close(tr.edges[id].gone)
	delete(tr.edges, id)
}

func (tr *traffic) with(id uint32, n *Node) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.edges[id].node != n {
		tr.edges[id] = edge{n, make(chan struct{})}
	}
}

func (tr *traffic) end() {
	close(tr.stop)
	tr.done.Wait()
}

// edge is a node that takes requests until it is gone.
type edge struct {
	node *Node
	gone chan struct{}
}

// any is one of the edges.
func (tr *traffic) any() edge {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, e := range tr.edges { // in random order
		return e
	}
	return edge{}
}

// user refreshes its one contact with a rising CSeq, told by the instance: what
// is found must not be older than what was last acknowledged.
func (tr *traffic) user(i int) {
	aor := fmt.Sprintf("sip:u%d@ring.example", i)
	var acknowledged uint32
	for cseq := uint32(1); ; cseq++ {
		select {
		case <-tr.stop:
			return
		default:
		}
		status := tr.register(aor, cseq)
		for status == 0 && !tr.c.t.Failed() {
			// A phone that hears nothing says the same again (RFC 3261 17.1.2.2).
			// One that went on to the next CSeq within milliseconds could see the
			// two ordered by different members, and the first win.
			status = tr.register(aor, cseq)
		}
		tr.mu.Lock()
		if status == 200 {
			acknowledged = cseq
			tr.acknowledged++
		} else {
			tr.refused++
		}
		tr.mu.Unlock()
		if status != 0 && status != 200 && status != 503 {
			tr.c.t.Errorf("%s: register %d answered %d", aor, cseq, status)
			return
		}
		for range 3 {
			tr.read(aor, acknowledged, cseq)
		}
	}
}

// opBound is how long an op may take. That of an edge that is gone never ends.
const opBound = 5 * time.Second

// register returns 0 where the edge is gone: acknowledged or not, nobody knows.
func (tr *traffic) register(aor string, cseq uint32) int {
	done := make(chan int, 1)
	op := registerOp(aor, fmt.Sprintf("sip:v%d@192.0.2.1", cseq), cseq, func(op *cluster.RegisterOp) { done <- op.Status })
	op.Update.Contacts[0].Instance, op.Update.Contacts[0].RegID = []byte("<urn:uuid:"+aor+">"), 1
	e := tr.any()
	e.node.Register(op)
	select {
	case status := <-done:
		return status
	case <-e.gone:
	case <-time.After(opBound):
		tr.c.t.Errorf("%s: register %d at member %d did not end", aor, cseq, e.node.cfg.ID)
	}
	return 0
}

// read checks that what is found is not older than the update least nor newer
// than the update most.
func (tr *traffic) read(aor string, least, most uint32) {
	var result cluster.LookupResult
	var contacts []string
	done := make(chan struct{})
	e := tr.any()
	e.node.Lookup(lookupOp(aor, func(r cluster.LookupResult, found []string) {
		result, contacts = r, found
		close(done)
	}))
	select {
	case <-done:
	case <-e.gone:
		return
	case <-time.After(opBound):
		tr.c.t.Errorf("%s: lookup at member %d did not end", aor, e.node.cfg.ID)
		return
	}
	tr.mu.Lock()
	tr.reads++
	if result == cluster.Unavailable {
		tr.unavailable++
	}
	tr.mu.Unlock()
	if result == cluster.Unavailable || least == 0 {
		return
	}
	var got uint32
	if len(contacts) == 1 {
		_, _ = fmt.Sscanf(contacts[0], "sip:v%d@", &got)
	}
	if result != cluster.Found || got < least || got > most {
		tr.c.t.Errorf("%s %s at member %d: %v %q, though update %d was acknowledged and %d the last", time.Now().Format("05.000000"), aor, e.node.cfg.ID, result, contacts, least, most)
	}
}

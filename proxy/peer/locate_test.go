package peer

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
)

// locate asks a member for a contact.
func (c *trial) locate(via uint32, uri string) (cluster.LookupResult, string) {
	c.t.Helper()
	done := make(chan struct{})
	op := &cluster.LocateOp{URI: []byte(uri), Done: func(*cluster.LocateOp) { close(done) }}
	c.nodes[via].Locate(op)
	select {
	case <-done:
	case <-time.After(patient):
		c.t.Fatalf("locating %s at member %d did not end", uri, via)
	}
	return op.Result, string(op.AOR)
}

// TestContactIsLocatedEverywhere: by every member, also once one of those that
// hold it is gone; and what nobody registered is not found, once the others hold
// what was its.
func TestContactIsLocatedEverywhere(t *testing.T) {
	c := newTrial(t, 4)
	c.startAll()
	const n = 20 // of all cores
	check := func(when string) {
		t.Helper()
		for id := range c.nodes {
			for i := range n {
				r, aor := c.surelyLocate(id, fmt.Sprintf("sip:%d@192.0.2.1", i))
				if want := fmt.Sprintf("sip:user%d@ring.example", i); r != cluster.Found || aor != want {
					t.Errorf("%s, member %d: %v %s, want %s", when, id, r, aor, want)
				}
			}
			c.neverRegistered(id, "sip:nobody@192.0.2.1")
		}
	}
	for i := range n {
		if status := c.register(uint32(i%4+1), fmt.Sprintf("sip:user%d@ring.example", i), fmt.Sprintf("sip:%d@192.0.2.1", i), 1); status != 200 {
			t.Fatalf("register: %d", status)
		}
	}
	check("all are up")
	c.kill(2)
	check("one is killed")
}

// surelyLocate asks until there is an answer: others that do not run for half a second
// give none.
func (c *trial) surelyLocate(via uint32, uri string) (r cluster.LookupResult, aor string) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("member %d has an answer for %s", via, uri), func() bool {
		r, aor = c.locate(via, uri)
		return r != cluster.Unavailable
	})
	return r, aor
}

// TestContactOfAMemberThatHangs: nobody waits for it longer than half a second,
// and nobody says that the contact is not registered.
func TestContactOfAMemberThatHangs(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	c.nodes[3].cores.all[5].mu.Lock()
	began := time.Now()
	r, _ := c.locate(1, "sip:nobody@192.0.2.1")
	took := time.Since(began)
	c.nodes[3].cores.all[5].mu.Unlock()
	if r != cluster.Unavailable || took < 400*time.Millisecond {
		t.Errorf("result %v after %v", r, took)
	}
	if s := c.nodes[1].locator.stats(); s.Pending != 0 || s.Unavailable != 1 || s.Questions != 2 {
		t.Errorf("%+v", s)
	}
	until(t, "nothing is under way any more", c.nodes[1].pace.resting.Load)
}

// neverRegistered waits until the member says so: not while partitions change
// hands. It asks seldom, as what a second may ask for is bounded.
func (c *trial) neverRegistered(via uint32, uri string) {
	c.t.Helper()
	for deadline := time.Now().Add(patient); ; time.Sleep(50 * time.Millisecond) {
		switch r, aor := c.locate(via, uri); {
		case r == cluster.NotFound:
			return
		case r == cluster.Found:
			c.t.Fatalf("%s is found for %s", uri, aor)
		case time.Now().After(deadline):
			c.t.Fatalf("member %d is never sure that nobody registered %s", via, uri)
		}
	}
}

// BenchmarkLocate is the time and CPU of three members together for a contact
// that nobody registered, one at a time, over real streams: at most 150 times,
// as a member asks for 200 in a second.
func BenchmarkLocate(b *testing.B) {
	c := newTrial(b, 3)
	c.startAll()
	done := make(chan struct{}, 1)
	op := &cluster.LocateOp{URI: []byte("sip:nobody@192.0.2.1"), Done: func(*cluster.LocateOp) { done <- struct{}{} }}
	before := cpuTime()
	b.ReportAllocs()
	for b.Loop() {
		c.nodes[1].Locate(op)
		<-done
	}
	if s := c.nodes[1].locator.stats(); s.Refused > 0 {
		b.Fatalf("%d of %d were more than a second's", s.Refused, s.Ops)
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

package cluster

import (
	"fmt"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// pair is a home and its replica with messages carried from buffer to buffer, as on the hot path of a driver.
type pair struct {
	home, replica *Core
	ids           [2]uint32
	effects       [2]Effects
	now           int64
	done          int
}

func newPair(t testing.TB) *pair {
	b := newBench(t, 2, 2)
	b.settle()
	owners := b.owners(aor)
	b.mustRegister(b.nodes[owners[0]], newRegister(aor, 1, 3600))
	return &pair{
		home: b.nodes[owners[0]].core, replica: b.nodes[owners[1]].core, ids: [2]uint32{owners[0], owners[1]}, now: b.now,
	}
}

// register runs an op at the home, or at the replica as the member the phone reached, until it is done.
func (p *pair) register(op *RegisterOp, edge int) {
	p.now++
	op.Update.CSeq++
	p.done = 0
	cores := [2]*Core{p.home, p.replica}
	cores[edge].Register(p.now, op, &p.effects[edge])
	for at := edge; p.done == 0 && len(p.effects[at].Sends) > 0; at = 1 - at {
		e := &p.effects[at]
		for _, s := range e.Sends {
			cores[1-at].Message(p.now, p.ids[at], e.Bytes(s), &p.effects[1-at])
		}
		p.done += len(p.effects[1-at].Registers)
		e.Reset()
	}
	p.effects[0].Reset()
	p.effects[1].Reset()
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	p := newPair(t)
	op, proved := newRegister(aor, 1, 3600), proving(1, 7, 0, newRegister(aor, 1, 3600))
	prove := func() { // each time more, whichever way
		op.Update.CSeq++
		proved.Update.CSeq = op.Update.CSeq
		proved.Update.Proof.Count++
	}
	var e Effects
	lookup := &LookupOp{AOR: []byte(aor)}
	for name, f := range map[string]func(){
		"refresh at home":    func() { p.register(op, 0) },
		"refresh at replica": func() { p.register(op, 1) },
		"refresh at home, proved": func() {
			prove()
			p.register(proved, 0)
		},
		"refresh at replica, proved": func() {
			prove()
			p.register(proved, 1)
		},
		"lookup": func() {
			p.home.Lookup(p.now, lookup, &e)
			e.Reset()
		},
		"tick": func() {
			p.now += 20
			p.home.Tick(p.now, &e)
			e.Reset()
		},
	} {
		f()
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if op.Status != 200 || proved.Status != 200 || lookup.Result != Found {
		t.Errorf("register %d, with a proof %d, lookup %d", op.Status, proved.Status, lookup.Result)
	}
}

func BenchmarkRefreshAlone(b *testing.B) {
	n := newBench(b, 2, 1).nodes[1].core
	op, now := newRegister(aor, 1, 3600), start
	var e Effects
	b.ReportAllocs()
	for b.Loop() {
		now++
		op.Update.CSeq++
		n.Register(now, op, &e)
		e.Reset()
	}
}

// BenchmarkRefreshReplicated is both members' work for one refresh: apply, replicate, merge, confirm, answer.
func BenchmarkRefreshReplicated(b *testing.B) {
	p := newPair(b)
	op := newRegister(aor, 1, 3600)
	b.ReportAllocs()
	for b.Loop() {
		p.register(op, 0)
	}
	if op.Status != 200 {
		b.Fatal(op.Status)
	}
}

// BenchmarkRefreshProved is that with a proof.
func BenchmarkRefreshProved(b *testing.B) {
	p := newPair(b)
	op := proving(1, 7, 0, newRegister(aor, 1, 3600))
	b.ReportAllocs()
	for b.Loop() {
		op.Update.Proof.Count++
		p.register(op, 0)
	}
	if op.Status != 200 {
		b.Fatal(op.Status)
	}
}

// BenchmarkRefreshForwarded is BenchmarkRefreshReplicated with the phone at the other member.
func BenchmarkRefreshForwarded(b *testing.B) {
	p := newPair(b)
	op := newRegister(aor, 1, 3600)
	b.ReportAllocs()
	for b.Loop() {
		p.register(op, 1)
	}
	if op.Status != 200 {
		b.Fatal(op.Status)
	}
}

func BenchmarkLookupLocal(b *testing.B) {
	p := newPair(b)
	op := &LookupOp{AOR: []byte(aor)}
	var e Effects
	b.ReportAllocs()
	for b.Loop() {
		p.home.Lookup(p.now, op, &e)
		e.Reset()
	}
	if op.Result != Found {
		b.Fatal(op.Result)
	}
}

func BenchmarkTickIdle(b *testing.B) {
	p := newPair(b)
	var e Effects
	b.ReportAllocs()
	for b.Loop() {
		p.now += 20
		p.home.Tick(p.now, &e)
		e.Reset()
	}
}

// BenchmarkPeerLost is what the loss of one of three members costs another before it acts on it: the new view, and the
// step of every core at the default number of partitions.
func BenchmarkPeerLost(b *testing.B) {
	set := testSet(1, 2, 3, config.Active)
	set.Ring.Partitions = 16384
	m := NewMembership(1, 10, 0)
	views := []*View{m.SetChanged(start, set), m.PeerUp(start, 2, 20, true, false), m.PeerUp(start, 3, 30, true, false)}
	var cores [Cores]*Core
	var e Effects
	for i := range cores {
		cores[i] = NewCore(CoreConfig{Self: 1, Incarnation: 10, Index: i})
		for _, v := range views {
			cores[i].ViewChanged(start, v, &e)
			e.Reset()
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, v := range []*View{m.PeerDown(start, 3, "reset"), m.PeerUp(start, 3, 30, true, false)} {
			for _, c := range cores {
				c.ViewChanged(start, v, &e)
				e.Reset()
			}
		}
	}
}

// BenchmarkRefill is what it costs both sides to bring a member that begins anew to 100,000 bindings.
func BenchmarkRefill(b *testing.B) {
	const records = 100_000
	bench := newBench(b, 2, 2)
	bench.set.Ring.Partitions = 1024
	bench.nodes = map[uint32]*node{}
	bench.add(1)
	bench.lose(2)
	bench.carry()
	one := bench.nodes[1]
	for i := range records {
		bench.register(one, newRegister(fmt.Sprintf("sip:user%d@example.com", i), 1, 3600))
	}
	if got := one.core.Stats().Records; got != records {
		b.Fatalf("%d records", got)
	}
	for b.Loop() {
		bench.now += 1000
		bench.die(2)
		bench.lose(2)
		two := bench.add(2)
		bench.meet()
		bench.carry()
		if got := two.core.Stats().Records; got != records {
			b.Fatalf("%d records fetched", got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

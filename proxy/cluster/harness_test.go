package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/ring"
)

const start = int64(1_767_225_600_000)

// bench is some members with one core each, between which messages are carried when the test says so.
type bench struct {
	t       testing.TB
	now     int64
	set     *config.MemberSet
	nodes   map[uint32]*node
	mail    []mail
	dropped map[uint32]bool // what these members send is lost
}

type node struct {
	id         uint32
	membership *Membership
	core       *Core
	skew       int64 // of its clock, ms
	effects    Effects
	registered []*RegisterOp
	found      []*LookupOp
	away       []string // flows whose owners are gone, as it was told: AOR and owner
}

type mail struct {
	from, to uint32
	b        []byte
}

// newBench returns n members that are published as active and do not know each other yet.
func newBench(t testing.TB, replicas, n int) *bench {
	b := &bench{t: t, now: start, nodes: map[uint32]*node{}, dropped: map[uint32]bool{}}
	b.set = testSet(1, replicas, n, config.Active)
	for _, m := range b.set.Members {
		b.add(m.ID)
	}
	return b
}

func testSet(epoch uint64, replicas, n int, state config.MemberState) *config.MemberSet {
	set := &config.MemberSet{Epoch: epoch, Ring: config.Ring{Partitions: 16, Replicas: replicas, Seed: ring.Seed{1}}}
	for id := uint32(1); id <= uint32(n); id++ {
		set.Members = append(set.Members, config.Member{ID: id, Name: fmt.Sprint("m", id), Address: fmt.Sprint("10.0.0.", id), State: state})
	}
	return set
}

func (b *bench) add(id uint32) *node {
	n := &node{id: id, membership: NewMembership(id, uint64(b.now)<<8|uint64(id), 0)}
	n.core = NewCore(CoreConfig{Self: id, Incarnation: uint64(b.now), Cores: 1, Limits: location.Limits{MaxContacts: 3}})
	b.nodes[id] = n
	b.view(n, n.membership.SetChanged(b.now, b.set))
	return n
}

// meet connects every two members that do not know each other as up.
func (b *bench) meet() {
	for a := uint32(1); a <= 9; a++ {
		for c := uint32(1); c <= 9; c++ {
			if a != c && b.nodes[a] != nil && b.nodes[c] != nil && !b.nodes[a].membership.View().Up(c) {
				b.stream(a, c)
			}
		}
	}
}

// stream has one end of a new stream meet the other.
func (b *bench) stream(at, with uint32) {
	n, m := b.nodes[at], b.nodes[with].membership
	synced, leaving := m.SelfState()
	b.view(n, n.membership.PeerUp(b.now, with, m.incarnation, synced, leaving))
}

func (b *bench) view(n *node, v *View) {
	if v != nil {
		n.core.ViewChanged(b.now+n.skew, v, &n.effects)
		b.collect(n)
	}
}

func (b *bench) collect(n *node) {
	e := &n.effects
	for _, s := range e.Sends {
		if !b.dropped[n.id] {
			b.mail = append(b.mail, mail{n.id, s.To, append([]byte(nil), e.Bytes(s)...)})
		}
	}
	n.registered = append(n.registered, e.Registers...)
	n.found = append(n.found, e.Lookups...)
	for _, a := range e.Away {
		n.away = append(n.away, fmt.Sprintf("%s %d", a.AOR, a.Flow.Owner))
	}
	changed := e.Changed
	e.Reset()
	if changed {
		before, _ := n.membership.SelfState()
		b.view(n, n.membership.Progress(b.now, n.core.Progress()))
		if after, leaving := n.membership.SelfState(); after != before {
			for id := uint32(1); id <= 9; id++ {
				if p := b.nodes[id]; p != nil && id != n.id {
					b.view(p, p.membership.PeerState(b.now, n.id, n.membership.incarnation, after, leaving))
				}
			}
		}
	}
}

// carry delivers messages until there are none.
func (b *bench) carry() {
	for len(b.mail) > 0 {
		b.carryOne()
	}
}

func (b *bench) carryOne() {
	m := b.mail[0]
	b.mail = b.mail[1:]
	if n := b.nodes[m.to]; n != nil && b.nodes[m.from] != nil {
		n.core.Message(b.now+n.skew, m.from, m.b, &n.effects)
		b.collect(n)
	}
}

// carryBut delivers messages until there are none, but for those that lost picks.
func (b *bench) carryBut(lost func(mail) bool) {
	for len(b.mail) > 0 {
		if lost(b.mail[0]) {
			b.mail = b.mail[1:]
			continue
		}
		b.carryOne()
	}
}

// publish changes the set, as the next epoch, and gives it to every member.
func (b *bench) publish(change func(*config.MemberSet)) {
	next := *b.set
	next.Members = slices.Clone(b.set.Members)
	next.Epoch++
	change(&next)
	b.set = &next
	for id := uint32(1); id <= 9; id++ {
		if n := b.nodes[id]; n != nil {
			b.view(n, n.membership.SetChanged(b.now, b.set))
		}
	}
}

// drain has a member leave, and say so.
func (b *bench) drain(id uint32) {
	n := b.nodes[id]
	b.view(n, n.membership.Drain(b.now))
	synced, leaving := n.membership.SelfState()
	for other := uint32(1); other <= 9; other++ {
		if p := b.nodes[other]; p != nil && other != id {
			b.view(p, p.membership.PeerState(b.now, id, n.membership.incarnation, synced, leaving))
		}
	}
}

// pass lets time pass in ticks.
func (b *bench) pass(ms int64) {
	for end := b.now + ms; b.now < end; {
		b.now += 20
		for id := uint32(1); id <= 9; id++ {
			if n := b.nodes[id]; n != nil {
				n.core.Tick(b.now+n.skew, &n.effects)
				b.collect(n)
				b.view(n, n.membership.Tick(b.now))
			}
		}
		b.carry()
	}
}

// settle connects everyone and lets the cluster come to rest.
func (b *bench) settle() {
	b.meet()
	b.carry()
	b.pass(500)
	for _, n := range b.nodes {
		if p := n.core.Progress(); p.Filling+p.Leaving > 0 {
			b.t.Fatalf("m%d is not at rest: %+v", n.id, p)
		}
	}
}

// die ends a member. The others notice when lose is called.
func (b *bench) die(id uint32) { delete(b.nodes, id) }

// lose has everyone notice that a member is gone.
func (b *bench) lose(id uint32) {
	for other := uint32(1); other <= 9; other++ {
		if n := b.nodes[other]; n != nil {
			b.view(n, n.membership.PeerDown(b.now, id, "test"))
		}
	}
}

// home is the member that orders updates of the AOR, next the one after it.
func (b *bench) owners(aor string) []uint32 {
	for _, n := range b.nodes {
		v := n.membership.View()
		return v.Ring.Owners(v.Partition([]byte(aor)))
	}
	return nil
}

// other returns a member that does not own the AOR.
func (b *bench) other(aor string) *node {
	for id := uint32(1); id <= 9; id++ {
		n := b.nodes[id]
		if n == nil {
			continue
		}
		if v := n.membership.View(); !v.Ring.IsOwner(v.Partition([]byte(aor)), id) {
			return n
		}
	}
	b.t.Fatal("everyone owns the AOR")
	return nil
}

func newRegister(aor string, cseq, expires uint32) *RegisterOp {
	return &RegisterOp{Update: location.Update{
		AOR: []byte(aor), CallID: []byte("call"), CSeq: cseq,
		Contacts: []location.ContactUpdate{{URI: []byte("sip:phone@192.0.2.1"), Q: 1000, Expires: expires}},
	}}
}

// register starts an op at a member and carries no message.
func (b *bench) register(n *node, op *RegisterOp) {
	n.core.Register(b.now+n.skew, op, &n.effects)
	b.collect(n)
}

func (b *bench) lookup(n *node, aor string) {
	n.core.Lookup(b.now+n.skew, &LookupOp{AOR: []byte(aor)}, &n.effects)
	b.collect(n)
}

// mustRegister registers and returns only when that is acknowledged.
func (b *bench) mustRegister(n *node, op *RegisterOp) {
	b.t.Helper()
	b.register(n, op)
	b.carry()
	if len(n.registered) == 0 || n.registered[len(n.registered)-1] != op || op.Status != 200 {
		b.t.Fatalf("register through m%d: %d answers, status %d", n.id, len(n.registered), op.Status)
	}
}

// mustFind looks an AOR up and fails unless the answer is at hand once messages are carried.
func (b *bench) mustFind(n *node, aor string, want LookupResult, cseq uint32) {
	b.t.Helper()
	n.found = nil
	b.lookup(n, aor)
	b.carry()
	b.wantFound(n, want, cseq)
}

func (b *bench) wantFound(n *node, want LookupResult, cseq uint32) {
	b.t.Helper()
	if len(n.found) != 1 || n.found[0].Result != want {
		b.t.Fatalf("lookup through m%d: %d answers %+v, want result %d", n.id, len(n.found), n.found, want)
	}
	for binding := range n.found[0].Record.Live(b.now) {
		if binding.CSeq != cseq {
			b.t.Fatalf("lookup through m%d found cseq %d, want %d", n.id, binding.CSeq, cseq)
		}
	}
}

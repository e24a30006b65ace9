package cluster

import (
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

func (m mail) kind() kind { return kind(m.b[0] & 0x0f) }

// carryWhere delivers the messages that want names, those too that come of it, and keeps the others.
func (b *bench) carryWhere(want func(mail) bool) {
	for i := 0; i < len(b.mail); {
		if !want(b.mail[i]) {
			i++
			continue
		}
		m := b.mail[i]
		b.mail = append([]mail{m}, slices.Delete(b.mail, i, i+1)...)
		b.carryOne()
	}
}

// but wants every message except those of the kinds.
func but(kinds ...kind) func(mail) bool {
	return func(m mail) bool { return !slices.Contains(kinds, m.kind()) }
}

// sent counts the messages of the kind that wait between two members.
func (b *bench) sent(k kind, from, to uint32) int {
	n := 0
	for _, m := range b.mail {
		if m.kind() == k && m.from == from && m.to == to {
			n++
		}
	}
	return n
}

// tick has time pass at one member, and carries nothing.
func (b *bench) tick(n *node) {
	b.now += 20
	n.core.Tick(b.now, &n.effects)
	b.collect(n)
}

// again has the stream between two members break and stand anew.
func (b *bench) again(x, y uint32) {
	b.mail = slices.DeleteFunc(b.mail, func(m mail) bool { return m.from == x && m.to == y || m.from == y && m.to == x })
	b.stream(x, y)
	b.stream(y, x)
}

// become has every member hear that one is in another state.
func (b *bench) become(id uint32, state config.MemberState) {
	b.publish(func(s *config.MemberSet) { s.Members[id-1].State = state })
}

// restart has a member begin anew, empty, and the others meet it before they noticed that it was gone. No message of the
// old process arrives.
func (b *bench) restart(id uint32) *node {
	b.mail = slices.DeleteFunc(b.mail, func(m mail) bool { return m.from == id || m.to == id })
	b.now += 300
	n := b.add(id)
	for other := uint32(1); other <= 9; other++ {
		if b.nodes[other] != nil && other != id {
			b.stream(other, id)
			b.stream(id, other)
		}
	}
	return n
}

// local is the partition of the AOR, as a core numbers it.
func (n *node) local(aor string) int32 { return int32(n.membership.View().Partition([]byte(aor))) }

func (n *node) holding(aor string) holding { return n.holdingOf(int(n.local(aor))) }

func (n *node) holdingOf(partition int) holding { return n.core.partitions.parts[partition].holding }

func (n *node) has(b *bench, aor string) bool { return n.core.Peek([]byte(aor)).LiveCount(b.now) > 0 }

// wantAnswers fails unless so many REGISTERs have been answered at the member, the last with the status.
func (b *bench) wantAnswers(n *node, want, status int) {
	b.t.Helper()
	if len(n.registered) != want || want > 0 && n.registered[want-1].Status != status {
		b.t.Fatalf("m%d: %d answers %+v, want %d, the last %d", n.id, len(n.registered), n.registered, want, status)
	}
}

// settled is a cluster at rest that has answered a REGISTER, and its owners of the AOR.
func settled(t *testing.T, replicas, n int) (b *bench, owners []*node) {
	b = newBench(t, replicas, n)
	b.settle()
	for _, id := range b.owners(aor) {
		owners = append(owners, b.nodes[id])
	}
	b.mustRegister(owners[0], newRegister(aor, 1, 3600))
	owners[0].registered = nil
	return b, owners
}

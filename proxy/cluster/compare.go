package cluster

import (
	"cmp"
	"slices"
)

// check is a partition to be compared with another member, or fetched from it.
type check struct {
	local int32
	peer  uint32
}

// checkQueue holds checks in order, each once: so many at the most as there are partitions and members.
type checkQueue struct {
	list   []check
	queued map[check]struct{}
}

func (q *checkQueue) add(k check) {
	if _, ok := q.queued[k]; ok {
		return
	}
	if q.queued == nil {
		q.queued = map[check]struct{}{}
	}
	q.queued[k] = struct{}{}
	q.list = append(q.list, k)
}

// take removes the first n, or what there is. The slice is valid until the next add.
func (q *checkQueue) take(n int) []check {
	taken := q.list[:min(n, len(q.list))]
	q.list = q.list[len(taken):]
	for _, k := range taken {
		delete(q.queued, k)
	}
	return taken
}

// maxChecks is how many checksums are sent in one tick, of each kind.
const maxChecks = 128

// comparer compares partitions with other members by checksum.
type comparer struct {
	*self
	peers      *peers
	partitions *partitions
	repairer   *repairer

	checks checkQueue
	covers checkQueue // of partitions that this member wants to drop
}

// pending is how many comparisons are to be made.
func (m *comparer) pending() int { return len(m.checks.list) + len(m.covers.list) }

// compare has a partition compared with a member.
func (m *comparer) compare(local int32, id uint32) { m.checks.add(check{local: local, peer: id}) }

// cover asks a member, which may have all that is here, whether it has.
func (m *comparer) cover(local int32, id uint32) { m.covers.add(check{local: local, peer: id}) }

// sendDue sends the checksums that are due.
func (m *comparer) sendDue(e *Effects) {
	m.sendSome(m.checks.take(maxChecks), 0, e)
	m.sendSome(m.covers.take(maxChecks), digestCover, e)
}

func (m *comparer) sendSome(due []check, flags uint8, e *Effects) {
	slices.SortStableFunc(due, func(a, b check) int { return cmp.Compare(a.peer, b.peer) })
	for len(due) > 0 {
		id := due[0].peer
		end := slices.IndexFunc(due, func(d check) bool { return d.peer != id })
		if end < 0 {
			end = len(due)
		}
		if m.peers.find(id) != nil {
			m.sendDigests(id, flags, due[:end], e)
		}
		due = due[end:]
	}
}

func (m *comparer) sendDigests(to uint32, flags uint8, list []check, e *Effects) {
	start := m.begin(e, kindDigest)
	e.u8(flags)
	e.u16(uint16(len(list)))
	for _, d := range list {
		sum, n := m.store.Digest(m.now, int(d.local))
		e.u32(uint32(m.global(d.local)))
		e.u64(sum)
		e.u32(uint32(n))
	}
	e.send(to, start)
}

// onDigest compares. Where a partition differs each side fetches the other's.
func (m *comparer) onDigest(p *peer, r *reader, e *Effects) bool {
	flags := r.u8()
	n := r.count(int(r.u16()), 16)
	if r.bad {
		return false
	}
	var answer []check
	for range n {
		number, sum, bindings := r.u32(), r.u64(), r.u32()
		local, ok := m.partitions.local(number)
		if !ok {
			return false
		}
		s, b := m.store.Digest(m.now, int(local))
		same := s == sum && b == int(bindings)
		switch serves := m.partitions.at(local).holding.serves(); {
		case same && flags&digestReply != 0:
			m.partitions.at(local).cover(p.id)
		case !serves:
			continue
		case !same:
			m.repairer.add(local, p.id)
		}
		if !same || flags&digestCover != 0 {
			answer = append(answer, check{local: local, peer: p.id})
		}
	}
	if len(answer) > 0 && flags&digestReply == 0 {
		m.sendDigests(p.id, digestReply, answer, e)
	}
	return true
}

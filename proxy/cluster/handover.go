package cluster

import (
	"slices"

	"github.com/sipring/sipring/proxy/ring"
)

// coverPeriod is how often the owners of a partition are asked whether they have everything that is here, ms.
const coverPeriod = 200

// handover drops partitions that others own, once those have them.
type handover struct {
	*self
	partitions *partitions
	comparer   *comparer

	ids []uint32 // memory for one step
}

// advance drops what may go. All peers have confirmed the announcement noted.
func (h *handover) advance(noted uint32) {
	if h.partitions.count(leaving) == 0 {
		return
	}
	for local := range int32(h.partitions.len()) {
		if h.partitions.at(local).holding == leaving {
			h.tryLeave(local, noted)
		}
	}
}

// tryLeave drops a partition that is not owned once its owners have everything, know that we leave, so that of two
// members that leave neither relies on the other, and have what is here: after a partition of the network that can be
// more than they knew.
func (h *handover) tryLeave(local int32, noted uint32) {
	p := h.partitions.at(local)
	if noted >= p.announced && p.writes == 0 && !h.view.Pending && h.othersHold(local) {
		h.partitions.becomeNone(local)
	}
}

// othersHold reports whether what is here may go: those who own the partition, and those who will, hold it and have what
// is here, and they are as many as are to hold it of the members that stay.
func (h *handover) othersHold(local int32) bool {
	keepers := h.keepers(local)
	if len(keepers) == 0 || len(keepers) < h.view.HandOver() {
		return false
	}
	for _, id := range keepers {
		if h.partitions.at(local).holdingOf(id) != held {
			return false
		}
	}
	return h.cover(local, keepers)
}

// keepers are the other members that own the partition now or will when the members that join are in. The slice is
// valid until the next step.
func (h *handover) keepers(local int32) []uint32 {
	n, ids := h.global(local), h.ids[:0]
	for _, table := range []*ring.Table{h.view.Ring, h.view.Next} {
		for _, id := range table.Owners(n) {
			if id != h.cfg.Self && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	h.ids = ids
	return ids
}

// cover reports whether the keepers have everything that is here. Those that may not are asked.
func (h *handover) cover(local int32, keepers []uint32) bool {
	p := h.partitions.at(local)
	ask := h.now-p.coverage.askedAt >= coverPeriod
	covered := true
	for _, id := range keepers {
		if p.coverage.has(id) {
			continue
		}
		covered = false
		if ask {
			p.coverage.askedAt = h.now
			h.comparer.cover(local, id)
		}
	}
	return covered
}

// onFetched takes a member's word that all of what it fetched is there.
func (h *handover) onFetched(p *peer, r *reader) bool {
	n := r.count(int(r.u16()), 8)
	for range n {
		number, tag := r.u32(), r.u32()
		local, ok := h.partitions.local(number)
		if !ok {
			return false
		}
		part := h.partitions.at(local)
		if part.coverage.fetched(p.id, tag) {
			part.cover(p.id)
		}
	}
	return !r.bad
}

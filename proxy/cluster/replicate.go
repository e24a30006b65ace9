package cluster

import (
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// confirm tells the member that ordered an update that it is stored here, and what has won over it if anything has. won
// says that nothing has.
func (x *orders) confirm(to uint32, id uint64, local int32, record location.Record, won bool, e *Effects) {
	var winner location.Record
	if !won && !record.IsZero() {
		if held := x.store.Get(int(local), record.AOR()); record.Outdone(held) {
			winner = held
		}
	}
	start := x.begin(e, kindStored)
	e.u64(id)
	e.record(winner, x.now)
	e.send(to, start)
}

// onReplicate merges another member's update and confirms it. Holders that it does not know of, and we do, get it from
// here: between the two there is no stream.
func (x *orders) onReplicate(p *peer, r *reader, e *Effects) bool {
	id, number := r.u64(), r.u32()
	sentTo := r.take(4 * int(r.u16()))
	local, ok := x.partitions.local(number)
	record, rest, err := x.readRecord(r.b)
	if r.bad || !ok || err != nil || len(rest) > 0 {
		return false
	}
	changed, reordered := false, false
	if !record.IsZero() {
		hash, partition := x.view.Place(record.AOR())
		if partition != int(number) {
			return false
		}
		changed, reordered = x.partitions.merge(local, hash, record, p.id, sentTo)
	}
	if id != 0 {
		won := changed && !reordered && record.Single() // so nothing has won over it, as for nearly every update
		x.confirm(p.id, id, local, record, won, e)
	}
	if changed {
		x.absences.pass(local, sentTo)
	}
	if reordered {
		x.absences.pass(local, nil) // nobody was sent that
	}
	if changed {
		x.relay(local, p.id, sentTo, record, e)
	}
	return true
}

// relay passes an update on to the holders that it was not sent to.
func (x *orders) relay(local int32, from uint32, sentTo []byte, record location.Record, e *Effects) {
	targets := x.partitions.targets(x.targets[:0], local)
	x.targets = targets
	missed := slices.ContainsFunc(targets, func(id uint32) bool { return id != from && !listed(sentTo, id) })
	if !missed {
		return
	}
	known := slices.Clone(targets) // whoever gets it from here need not send it to these
	for b := sentTo; len(b) >= 4; b = b[4:] {
		known = append(known, le.Uint32(b))
	}
	start := x.beginReplicate(e, 0, local, append(known, from))
	e.record(record, x.now)
	for _, id := range targets {
		if id != from && !listed(sentTo, id) {
			x.stats.Relayed++
			e.send(id, start)
		}
	}
}

// listed reports whether the member is in a list of a message.
func listed(ids []byte, id uint32) bool {
	for ; len(ids) >= 4; ids = ids[4:] {
		if le.Uint32(ids) == id {
			return true
		}
	}
	return false
}

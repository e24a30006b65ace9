package cluster

import "github.com/sipring/sipring/proxy/location"

// lookup begins a read of a partition that is not served here, and reports whether it is under way.
func (q *requests) lookup(op *LookupOp, hash uint64, local int32, e *Effects) bool {
	o := q.ops.add(opLookup, local, hash, q.now)
	if o == nil {
		q.refuseLookup(op, e)
		return false
	}
	o.lookup = op
	q.ask(o, 0, q.partitions.choose(local, [2]uint32{}), e)
	return true
}

// refuseLookup answers a read for which there is no room, or no view.
func (q *requests) refuseLookup(op *LookupOp, e *Effects) {
	q.stats.RefusedOps++
	q.finishLookup(op, false, location.Record{}, e)
}

// onLookup answers another member's read.
func (q *requests) onLookup(p *peer, r *reader, e *Effects) bool {
	id, number := r.u64(), r.u32()
	aor := r.str()
	_, local, ok := q.partitions.place(aor)
	if r.bad || !ok || uint32(q.global(local)) != number {
		return false
	}
	start := q.begin(e, kindFound)
	e.u64(id)
	if q.partitions.serves(local) {
		e.u8(1)
		e.buf = location.AppendLive(e.buf, q.store.Get(int(local), aor), q.now)
	} else {
		e.u8(0)
		e.record(location.Record{}, q.now)
	}
	e.send(p.id, start)
	return true
}

// onFound takes the answer to a read.
func (q *requests) onFound(p *peer, r *reader, e *Effects) bool {
	o := q.ops.find(r.u64())
	ok := r.u8() == 1
	record, rest, err := q.readRecord(r.b)
	if r.bad || err != nil || len(rest) > 0 {
		return false
	}
	if o == nil || o.kind != opLookup || !o.asks(p.id) {
		return true
	}
	if !ok {
		q.refused(o, p.id, e)
		return true
	}
	op := o.lookup
	q.ops.remove(o)
	q.finishLookup(op, true, record, e)
	return true
}

package cluster

import (
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// maxOps bounds the ops under way in one core.
const maxOps = 1 << 15

type opKind uint8

const (
	opFree    opKind = iota
	opWrite          // ordered here, waiting for the other holders
	opForward        // a RegisterOp of this member, waiting for the member that orders it
	opLookup         // a LookupOp of this member, waiting for a holder
)

// op is an operation under way.
type op struct {
	id      uint64
	kind    opKind
	local   int32
	hash    uint64
	started int64

	register *RegisterOp // this member's own
	lookup   *LookupOp
	edge     uint32 // or another member's, with its number there
	edgeOp   uint64

	aor    []byte // opWrite: a copy
	callID []byte // and of the REGISTER
	cseq   uint32
	stamp  location.Version // of what it wrote
	status int              // of the answer, once it is stored
	proved bool             // by a proof that nobody had used
	copies []copyState
	passed bool      // one that it was sent to was given up before it confirmed
	target [2]uint32 // opForward, opLookup: who has been asked, 0 for nobody
	failed [2]uint32 // who said that it does not hold the partition
	hedged bool
}

// copyState is a holder that an update has been sent to.
type copyState struct {
	id     uint32
	stored bool
}

// ops is a table of ops under way, by number. Numbers are not used again.
type ops struct {
	slots []op
	free  []uint32
	used  int
	turn  uint64
}

func (t *ops) init(incarnation uint64) { t.turn = incarnation << 24 >> 1 }

// add returns a new op, nil if there are too many. It is valid until the next add.
func (t *ops) add(k opKind, local int32, hash uint64, now int64) *op {
	var i uint32
	switch n := len(t.free); {
	case n > 0:
		i = t.free[n-1]
		t.free = t.free[:n-1]
	case len(t.slots) >= maxOps:
		return nil
	default:
		t.slots = append(t.slots, op{})
		i = uint32(len(t.slots) - 1)
	}
	t.used++
	t.turn += maxOps
	o := &t.slots[i]
	*o = op{id: t.turn&^(maxOps-1) | uint64(i), kind: k, local: local, hash: hash, started: now, aor: o.aor[:0], callID: o.callID[:0], copies: o.copies[:0]}
	return o
}

// find returns the op of the number, nil if it is over.
func (t *ops) find(id uint64) *op {
	i := id & (maxOps - 1)
	if i >= uint64(len(t.slots)) || t.slots[i].id != id || t.slots[i].kind == opFree {
		return nil
	}
	return &t.slots[i]
}

// remove ends an op.
func (t *ops) remove(o *op) {
	i := uint32(o.id & (maxOps - 1))
	o.kind, o.register, o.lookup = opFree, nil, nil
	t.free = append(t.free, i)
	t.used--
}

// each calls f for every op under way; f may remove that op.
func (t *ops) each(f func(*op)) {
	if t.used == 0 {
		return
	}
	for i := range t.slots {
		if t.slots[i].kind != opFree {
			f(&t.slots[i])
		}
	}
}

// asks reports whether the op waits for an answer of the member.
func (o *op) asks(id uint32) bool { return o.target[0] == id || o.target[1] == id }

// copyOf returns the state of a holder, nil if it was not sent to.
func (o *op) copyOf(id uint32) *copyState {
	for i := range o.copies {
		if o.copies[i].id == id {
			return &o.copies[i]
		}
	}
	return nil
}

// dropCopy forgets that the update was sent to a holder.
func (o *op) dropCopy(id uint32) {
	o.copies = slices.DeleteFunc(o.copies, func(s copyState) bool {
		o.passed = o.passed || s.id == id && !s.stored
		return s.id == id
	})
}

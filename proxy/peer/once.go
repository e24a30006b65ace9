package peer

import "sync"

// maxProofs bounds the proofs that are remembered: 27 a second for as long as one
// is good. Only who holds a key can give one.
const maxProofs = 8192

// once remembers the proofs that were given, so that nobody repeats one that he
// has seen. Safe for concurrent use.
type once struct {
	mu    sync.Mutex
	given map[[proofHead]byte]struct{}
	order [][proofHead]byte // a ring, the oldest at next once it is full
	next  int
}

// first reports whether the proof was not given before.
func (o *once) first(head [proofHead]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.given[head]; known {
		return false
	}
	if o.given == nil {
		o.given = map[[proofHead]byte]struct{}{}
	}
	if len(o.order) < maxProofs {
		o.order = append(o.order, head)
	} else {
		delete(o.given, o.order[o.next])
		o.order[o.next] = head
		o.next = (o.next + 1) % maxProofs
	}
	o.given[head] = struct{}{}
	return true
}

package cluster

import (
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// LocateOp asks for an address-of-record that a contact is registered for. The rules of RegisterOp hold.
type LocateOp struct {
	// URI is the contact. It must stay valid until Done.
	URI []byte
	// Done is called once by the driver, after it has unlocked the Locator.
	Done func(*LocateOp)

	// Result is Found with the AOR; NotFound where nobody registered the contact; Unavailable where that is not known, or
	// where too much is being asked.
	Result LookupResult
	// AOR is where to look for the binding. A lookup decides whether it is there still. It belongs to the op.
	AOR []byte
}

// MaxLocateURI is the longest contact that others are asked for, in bytes. Longer ones are not found.
const MaxLocateURI = 2 << 10

// Bounds on what locating costs a member and the others: any stranger's request that names an unknown host may begin it.
const (
	maxLocates = 256 // under way
	// locateTimeout is how long the others have to answer, ms.
	locateTimeout = 500
	// A second brings that many questions to other members, and an op takes leastQuestions at least: 200 ops a second
	// among up to 30 others, fewer among more.
	questionsPerSecond = 6000
	leastQuestions     = 30
)

// Locate returns an AOR of this core with a live binding of that contact, appended to dst, and Found. NotFound means that
// this member serves none, and others whatever it does not serve; Unavailable that this may not be so. hash is
// wire.HashURI of the URI.
func (c *Core) Locate(now int64, hash uint64, uri, dst []byte) ([]byte, LookupResult) {
	if c.store == nil {
		return dst, Unavailable
	}
	r, sure := c.store.Locate(now, hash, uri, func(part int) bool { return c.partitions.serves(int32(part)) })
	switch {
	case !r.IsZero():
		return append(dst, r.AOR()...), Found
	case !sure || !c.announcements.sure() || c.partitions.count(filling) > 0 || now-c.partitions.dropped < 2*locateTimeout:
		// Filling: it may be among what is missing still. Just dropped: who took it over may have been asked before.
		return dst, Unavailable
	}
	return dst, NotFound
}

// Locator finds out which AOR a contact is registered for, by asking every other member once. Like a Core it is a state
// machine without I/O; it has a lock of its own.
type Locator struct {
	ops    []locate
	turn   uint64
	budget int64 // questions, in thousandths
	filled int64 // when the budget grew last
	stats  LocateStats
}

// LocateStats are counters, but for Pending. The tags say how they are shown.
type LocateStats struct {
	Pending     int    `metric:"locates_pending" help:"Questions whose a contact is, under way."`
	Ops         uint64 `metric:"operations_total{operation=locate}" help:"Registrations, lookups and questions whose a contact is, begun here."`
	Unavailable uint64 `metric:"operations_failed_total{operation=locate}" help:"Operations that no other members confirmed or answered in time."`
	Refused     uint64 `metric:"locates_refused_total" help:"Questions whose a contact is that were not asked: too many under way or in a second."`
	Questions   uint64 `metric:"locate_questions_total" help:"Questions whose a contact is, sent to other members."`
}

// locate is an op under way, or free if op is nil.
type locate struct {
	id      uint64
	op      *LocateOp
	started int64
	unsure  bool
	waiting []asked
}

// asked is a member that has not answered, and the stream on which it was asked.
type asked struct {
	id   uint32
	link uint64
}

// NewLocator returns a Locator. What is said to an earlier process of the member is not taken for this one's.
func NewLocator(incarnation uint64) *Locator {
	return &Locator{turn: incarnation &^ (maxLocates - 1), budget: questionsPerSecond * 1000}
}

// Stats returns counts.
func (l *Locator) Stats() LocateStats {
	s := l.stats
	s.Pending = l.pending()
	return s
}

// Busy reports whether Tick has something to wait for.
func (l *Locator) Busy() bool { return l.pending() > 0 }

func (l *Locator) pending() int {
	n := 0
	for i := range l.ops {
		if l.ops[i].op != nil {
			n++
		}
	}
	return n
}

// Begin starts an op. op.Result and op.AOR are what this member's own cores have found: Found only if one has, and NotFound
// only if all are sure. Sends are questions for other members, in any order.
func (l *Locator) Begin(now int64, v *View, op *LocateOp, e *Effects) {
	l.stats.Ops++
	if op.Result == Found || len(op.URI) > MaxLocateURI {
		l.finish(op, e)
		return
	}
	peers := 0
	for i := range v.Members {
		if v.asks(i) {
			peers++
		}
	}
	if v.Pending {
		op.Result = Unavailable
	}
	if peers == 0 {
		l.finish(op, e)
		return
	}
	o := l.add(op, now)
	if o == nil || !l.spend(now, int64(max(peers, leastQuestions))*1000) {
		if o != nil {
			o.op = nil
		}
		l.stats.Refused++
		op.Result = Unavailable
		e.Locates = append(e.Locates, op)
		return
	}
	start := len(e.buf)
	e.u64(o.id)
	e.buf = append(e.buf, op.URI...)
	for i := range v.Members {
		if m := &v.Members[i]; v.asks(i) {
			o.waiting = append(o.waiting, asked{m.ID, m.Link})
			e.send(m.ID, start)
		}
	}
	l.stats.Questions += uint64(peers)
}

// asks reports whether the member is another one that lives.
func (v *View) asks(i int) bool { return v.Members[i].Liveness == Up && v.Members[i].ID != v.Self }

// add returns an op with a number of its own, nil if there are too many.
func (l *Locator) add(op *LocateOp, now int64) *locate {
	i := slices.IndexFunc(l.ops, func(o locate) bool { return o.op == nil })
	if i < 0 {
		if len(l.ops) == maxLocates {
			return nil
		}
		i = len(l.ops)
		l.ops = append(l.ops, locate{})
	}
	l.turn += maxLocates
	o := &l.ops[i]
	*o = locate{id: l.turn | uint64(i), op: op, started: now, unsure: op.Result != NotFound, waiting: o.waiting[:0]}
	return o
}

// spend takes from the budget, which grows with time up to that of a second.
func (l *Locator) spend(now, cost int64) bool {
	l.budget = min(l.budget+max(now-l.filled, 0)*questionsPerSecond, questionsPerSecond*1000)
	l.filled = now
	if l.budget < cost {
		return false
	}
	l.budget -= cost
	return true
}

// ReadQuestion reads what Begin sends. The URI is a view into b.
func ReadQuestion(b []byte) (id uint64, uri []byte, ok bool) {
	r := reader{b: b}
	id = r.u64()
	return id, r.b, !r.bad && len(r.b) <= MaxLocateURI
}

// AppendAnswer appends the answer to a question. aor is that of Found.
func AppendAnswer(dst []byte, id uint64, result LookupResult, aor []byte) []byte {
	return append(append(le.AppendUint64(dst, id), byte(result)), aor...)
}

// Answered takes another member's answer, and reports whether it can be read. It does not keep b.
func (l *Locator) Answered(from uint32, b []byte, e *Effects) bool {
	r := reader{b: b}
	id, result := r.u64(), LookupResult(r.u8())
	if r.bad || result > NotFound || (result == Found) != (len(r.b) > 0) || len(r.b) > location.MaxAOR {
		return false
	}
	i := id & (maxLocates - 1)
	if i >= uint64(len(l.ops)) || l.ops[i].id != id || l.ops[i].op == nil {
		return true // over
	}
	o := &l.ops[i]
	at := slices.IndexFunc(o.waiting, func(a asked) bool { return a.id == from })
	if at < 0 {
		return true
	}
	o.waiting = slices.Delete(o.waiting, at, at+1)
	switch result {
	case Found:
		o.op.Result, o.op.AOR = Found, append(o.op.AOR[:0], r.b...)
		l.end(o, e)
		return true
	case Unavailable:
		o.unsure = true
	}
	l.settle(o, e)
	return true
}

// Tick lets time pass: members that have died meanwhile are not waited for, and nobody longer than locateTimeout.
func (l *Locator) Tick(now int64, v *View, e *Effects) {
	for i := range l.ops {
		o := &l.ops[i]
		if o.op == nil {
			continue
		}
		o.waiting = slices.DeleteFunc(o.waiting, func(a asked) bool {
			m, ok := v.Member(a.id)
			if ok && m.Liveness == Up && m.Link == a.link {
				return false
			}
			o.unsure = o.unsure || ok && m.Liveness != Down // it lives, and the question is lost
			return true
		})
		if now-o.started >= locateTimeout && len(o.waiting) > 0 {
			o.unsure, o.waiting = true, o.waiting[:0]
		}
		l.settle(o, e)
	}
}

// settle ends an op for which nobody is waited any more.
func (l *Locator) settle(o *locate, e *Effects) {
	if len(o.waiting) > 0 {
		return
	}
	o.op.Result = NotFound
	if o.unsure {
		o.op.Result = Unavailable
	}
	l.end(o, e)
}

func (l *Locator) end(o *locate, e *Effects) {
	op := o.op
	o.op, o.waiting = nil, o.waiting[:0]
	l.finish(op, e)
}

func (l *Locator) finish(op *LocateOp, e *Effects) {
	if op.Result == Unavailable {
		l.stats.Unavailable++
	}
	e.Locates = append(e.Locates, op)
}

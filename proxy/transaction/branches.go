package transaction

import (
	"github.com/sipring/sipring/proxy/token"
)

// branches are the client transactions of a response context, in the order in
// which they were forked. Most have one, which needs no memory of its own.
type branches struct {
	first Branch
	rest  []*Branch
	count uint16
}

// at returns the i-th branch.
func (l *branches) at(i int) *Branch {
	if i == 0 {
		return &l.first
	}
	return l.rest[i-1]
}

// add returns a place for one more.
func (l *branches) add(s *stock) *Branch {
	b := &l.first
	if l.count > 0 {
		b = s.takeBranch()
		l.rest = append(l.rest, b)
	}
	l.count++
	return b
}

// find returns the branch of a Via, nil if there is none.
func (l *branches) find(id token.Branch) *Branch {
	for i := range int(l.count) {
		if b := l.at(i); b.target.Branch == id {
			return b
		}
	}
	return nil
}

// pending reports whether a branch has had no final response yet.
func (l *branches) pending() bool {
	for i := range int(l.count) {
		if l.at(i).pending() {
			return true
		}
	}
	return false
}

// connected reports whether all are over connections, or lead to applications.
func (l *branches) connected() bool {
	for i := range int(l.count) {
		if !l.at(i).target.Flow.IsHeld() {
			return false
		}
	}
	return true
}

// next returns when the next timer fires, or never.
func (l *branches) next() int64 {
	if l.count == 0 {
		return never
	}
	at := l.first.next()
	for _, b := range l.rest {
		at = min(at, b.next())
	}
	return at
}

// over reports whether all have ended.
func (l *branches) over() bool {
	if l.count == 0 {
		return true
	}
	for _, b := range l.rest {
		if b.state != clientTerminated {
			return false
		}
	}
	return l.first.state == clientTerminated
}

// end ends all.
func (l *branches) end(e *event) {
	for i := range int(l.count) {
		l.at(i).become(e, clientTerminated)
	}
}

// endPending ends those that have had no final response.
func (l *branches) endPending(e *event) {
	for i := range int(l.count) {
		b := l.at(i)
		if b.pending() && b.state != clientWaiting {
			e.stats.TimedOut++ // Timer F is over too, or nearly so
		}
		if b.pending() {
			b.become(e, clientTerminated)
		}
	}
}

// trying reports whether a branch of b's group, other than b, has been started
// and has no final response yet.
func (l *branches) trying(b *Branch) bool {
	if b.target.Group == 0 {
		return false
	}
	for i := range int(l.count) {
		o := l.at(i)
		if o != b && o.target.Group == b.target.Group && o.pending() && !o.gone && o.state != clientWaiting {
			return true
		}
	}
	return false
}

package auth

import (
	"sync"

	"github.com/sipring/sipring/proxy/routing"
)

// setups count the calls of each user that are being set up at this member: INVITEs that
// have no final response yet. A member knows that of all that came to it, and when it
// ends, as every transaction does. It knows no more of calls: no dialog is kept, and a
// BYE comes to whatever member, or never. There is an entry for each user who has such a
// call, so there are no more than transactions. Safe for concurrent use.
type setups [64]setupShard

type setupShard struct {
	mu    sync.Mutex
	calls map[uint64]int // by user; of what is here at least 1
	_     [48]byte       // a cache line of its own
}

func newSetups() *setups {
	s := &setups{}
	for i := range s {
		s[i].calls = map[uint64]int{}
	}
	return s
}

func (s *setups) of(user uint64) *setupShard { return &s[user%uint64(len(s))] }

// begin counts one call more of a user, unless there are so many already; 0 is without
// bound.
func (s *setups) begin(user uint64, most int) bool {
	of := s.of(user)
	of.mu.Lock()
	defer of.mu.Unlock()
	if most > 0 && of.calls[user] >= most {
		return false
	}
	of.calls[user]++
	return true
}

// end takes one off that was counted.
func (s *setups) end(user uint64) {
	of := s.of(user)
	of.mu.Lock()
	defer of.mu.Unlock()
	if of.calls[user]--; of.calls[user] <= 0 {
		delete(of.calls, user)
	}
}

// begins is routing.Checks.Begins. A call that is one too many gets 480, as in mayCall,
// and no Retry-After: nobody knows when one of the others is answered.
func (g *Gate) begins(caller uint64, d *routing.Decision) bool {
	most := 0 // where there is no bound any more
	if r := g.rules.Load(); r != nil {
		most = r.inSetup
	}
	if g.setups.begin(caller, most) {
		return true
	}
	g.metrics.count(resultTooManyCalls)
	d.Reject(480, "Too Many Calls Being Set Up", resultNames[resultTooManyCalls], nil)
	return false
}

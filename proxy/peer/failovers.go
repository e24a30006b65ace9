package peer

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// failovers are the newest of those that this process saw. Its methods may be
// called from any goroutine.
type failovers struct {
	mu     sync.Mutex
	newest []config.Failover // the newest first, never changed in place
}

// add keeps one, in place of the oldest where there are enough.
func (f *failovers) add(one config.Failover) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.newest[:min(len(f.newest), config.MaxFailovers-1)]
	f.newest = append([]config.Failover{one}, kept...)
}

func (f *failovers) list() []config.Failover {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest
}

// lossCause is the cause in a word that both sides know.
func lossCause(err error) config.LossCause {
	switch {
	case errors.Is(err, errMoved):
		return config.LossMoved
	case refused(err):
		return config.LossProcessEnded
	}
	return config.LossUnreachable
}

// Report is what this member holds and which failovers it saw. Cheap enough for
// every second.
func (n *Node) Report() config.Report {
	return config.Report{UnderReplicated: int64(n.cores.stats().UnderReplicated), Failovers: n.failovers.list(), Sources: n.cores.sources()}
}

// loss is a member that went down, until the ring is without it.
type loss struct {
	id          uint32
	member      config.Member // as it was listed
	incarnation uint64        // of its process
	since       time.Time     // when it was last heard of
	cause       error
	back        comeback
}

// losses are of each member one at most, and of none that is up. They are guarded
// by membership.mu.
type losses []loss

func (ls *losses) begin(l *link, cause error) {
	ls.end(l.id)
	*ls = append(*ls, loss{id: l.id, member: l.peer(), incarnation: l.incarnation, since: l.lastHeard(), cause: cause})
}

func (ls *losses) end(id uint32) {
	*ls = slices.DeleteFunc(*ls, func(one loss) bool { return one.id == id })
}

// take are those of members that were in the ring and are not now. One that was
// not in the ring before has nothing to lose: it is forgotten as well.
func (ls *losses) take(before, now []uint32) (gone []loss) {
	*ls = slices.DeleteFunc(*ls, func(one loss) bool {
		in := slices.Contains(now, one.id)
		if !in && slices.Contains(before, one.id) {
			gone = append(gone, one)
		}
		return !in
	})
	return gone
}

// namesOf are those of the members, separated by commas.
func namesOf(gone []loss) string {
	all := make([]string, 0, len(gone))
	for _, one := range gone {
		all = append(all, one.member.Name)
	}
	return strings.Join(all, ",")
}

package cluster

import "github.com/sipring/sipring/proxy/flow"

// Away is a UDP flow of a live binding whose owner is gone, or about to go: the phone behind it, and its NAT, know nothing
// of that, and the next packet of the phone comes to another member.
type Away struct {
	// Flow has the owner that the binding has.
	Flow flow.Flow
	// AOR is whose binding it is. It is valid until Effects.Reset.
	AOR []byte
}

// lookout finds the bindings that are reached by way of members that are gone, over UDP, in the partitions that this
// member is the home of: at once when the view changes, and once more in each sweep period while there are some. So whoever
// is to know of them learns it though it was told once in vain, had no room, or came later.
type lookout struct {
	*self
	partitions *partitions

	part   int32 // where it is
	cursor int
	left   int32 // partitions of this walk
	began  int64
	again  bool // another walk is to follow
}

const (
	// lookoutRecords is how many records one step looks at, and lookoutFinds how many flows it tells of.
	lookoutRecords = 4096
	lookoutFinds   = 512
)

// start begins a walk over all partitions.
func (w *lookout) start() {
	w.part, w.cursor, w.left, w.began, w.again = 0, 0, int32(w.partitions.len()), w.now, false
}

// busy reports whether a walk is under way.
func (w *lookout) busy() bool { return w.left > 0 }

// tick goes on.
func (w *lookout) tick(e *Effects) {
	if w.left == 0 && w.again && w.now-w.began >= w.cfg.SweepPeriod {
		w.start()
	}
	for seen, parts := 0, 0; w.left > 0 && seen < lookoutRecords && parts < lookoutRecords && len(e.Away) < lookoutFinds; parts++ {
		n, whole := w.look(w.part, lookoutRecords-seen, e)
		if seen += n; whole {
			w.part, w.cursor, w.left = w.part+1, 0, w.left-1
		}
	}
}

// look goes on with one partition, and returns how many records it has looked at, and whether those were all.
func (w *lookout) look(local int32, most int, e *Effects) (seen int, whole bool) {
	if w.partitions.choose(local, [2]uint32{}) != w.cfg.Self {
		w.again = w.again || w.partitions.owned(local) && !w.partitions.serves(local)
		return 0, true
	}
	for ; seen < most && len(e.Away) < lookoutFinds; seen++ {
		r, next, ok := w.store.Next(int(local), w.cursor)
		if !ok {
			return seen, true
		}
		w.cursor = next
		r.Owned(w.now, func(f flow.Flow) {
			if m, _ := w.view.Member(f.Owner); m.Leaving || !w.view.Lives(f.Owner, f.Life) {
				e.away(f, r.AOR())
				w.again = true
			}
		})
	}
	return seen, false
}

func (e *Effects) away(f flow.Flow, aor []byte) {
	start := len(e.buf)
	e.buf = append(e.buf, aor...)
	e.Away = append(e.Away, Away{Flow: f, AOR: e.buf[start:len(e.buf):len(e.buf)]})
}

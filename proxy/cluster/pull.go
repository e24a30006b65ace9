package cluster

// source is a member a fill fetches from.
type source struct {
	id     uint32
	cursor uint32
	asked  bool
	done   bool
	lacks  bool // something that it sent could not be read
}

// pull is a request for the records of a partition from a cursor on.
type pull struct {
	local  int32
	tag    uint32
	cursor uint32
}

// pullWindow are the requests of that kind to one peer: those that were sent and not answered, and those to be sent at the
// end of the step.
type pullWindow struct {
	asked int
	want  []pull
}

func (w *pullWindow) full() bool { return w.asked+len(w.want) >= maxPulls }

func (w *pullWindow) add(p pull) { w.want = append(w.want, p) }

func (w *pullWindow) sent() { w.asked, w.want = w.asked+len(w.want), w.want[:0] }

func (w *pullWindow) answered() { w.asked = max(0, w.asked-1) }

func (w *pullWindow) reset() { w.asked, w.want = 0, w.want[:0] }

const (
	// maxPulls is the most partitions asked of one peer and not yet answered.
	maxPulls = 32
	// chunkSize bounds the records of a partition in one answer, bytes: it ends after the record that exceeds it.
	chunkSize = 32 << 10
)

// section is what else the answer to a pull says.
type section struct {
	tag   uint32
	flags uint8
	next  uint32
	whole bool // every record of it could be read
}

// answered takes the answer to what was asked and reports whether it was the last, and nothing is lacking.
func (s *source) answered(a section) bool {
	s.asked, s.cursor, s.done = false, a.next, a.flags&sectionEnd != 0
	s.lacks = s.lacks || !a.whole
	return s.done && !s.lacks
}

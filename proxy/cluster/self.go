package cluster

import "github.com/sipring/sipring/proxy/location"

// self is what every role of a core works on: who this member is, its view and its clock, the records, and the counts. A
// step changes the time and ViewChanged the view; the roles change neither.
type self struct {
	cfg   CoreConfig
	view  *View
	now   int64
	ahead int64           // how much further the fastest clock met is
	store *location.Store // nil before the first view
	stats Stats

	stored bool // something, since this process began

	record []byte // memory for the record that a step reads
}

// clock is the time for versions: this member's, moved to the fastest clock of the cluster, so that an update ordered
// after another is the newer one whichever members ordered them.
func (s *self) clock() uint64 { return uint64(max(1, s.now+s.ahead)) }

// maxClock bounds versions, so that they never come round.
const maxClock = 1 << 62

// learn takes note of another member's clock, as a message shows it.
func (s *self) learn(clock uint64) {
	s.ahead = max(s.ahead, int64(min(clock, maxClock))-s.now)
}

// partition numbers: global is p, local is p / Cores.
func (s *self) global(local int32) int { return int(local)*s.cfg.Cores + s.cfg.Index }

// begin starts a message and returns where. Only one can be under way.
func (s *self) begin(e *Effects, k kind) int {
	e.buf = append(e.buf, protocolVersion|byte(k), byte(s.cfg.Index))
	return len(e.buf) - 2
}

// readRecord reads a record into this step's memory.
func (s *self) readRecord(b []byte) (r location.Record, rest []byte, err error) {
	r, s.record, rest, err = location.ParseRecord(s.record, b, s.now)
	return r, rest, err
}

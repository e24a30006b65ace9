package server

import (
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
)

// A binding stays when its connection is over: the phone comes back, and the binding
// says that there is one. So each member remembers which connections are, for as long
// as it takes until that is common knowledge, and asks no owner for those.
const (
	maxDeaths   = 4096 // a power of two
	deathMillis = 60_000
	// unreachedMillis is the same of a connection whose owner cannot be reached, and may be
	// dead, before anybody has found out which: what is for it waits, and tries again.
	unreachedMillis = waitLook
	// maxTold is how many are told to the others at a time.
	maxTold = 1024
	// sweepMillis is how often the transactions are looked through for what is lost, at
	// most, and sweepPart which part of the time that may take.
	sweepMillis = 100
	sweepPart   = 20
)

// deaths are connections that are over. Each has one place, where a later one may take
// it from it. Safe for concurrent use.
type deaths struct {
	places [maxDeaths]atomic.Pointer[death]
	news   atomic.Bool // some that no sweep has seen

	mu     sync.Mutex
	untold []flow.Flow // of this process, registered over: the others have to hear

	// Only the goroutine of the timers touches these.
	resting int64         // milliseconds: until then there is no sweep
	view    *cluster.View // at the last one: while the timers rest members may come and go again
	apps    uint64        // the version of what was known of applications then
}

type death struct {
	conn        uint64
	owner, life uint32
	until       int64 // milliseconds
}

func (d *deaths) place(f flow.Flow) *atomic.Pointer[death] {
	return &d.places[(f.Conn*0x9e3779b97f4a7c15^uint64(f.Owner)*0xff51afd7ed558ccd)>>40%maxDeaths]
}

// add notes that a connection is over.
func (d *deaths) add(now int64, f flow.Flow) {
	d.place(f).Store(&death{conn: f.Conn, owner: f.Owner, life: f.Life, until: now + deathMillis})
	d.news.Store(true)
}

// rest notes that the owner of a connection cannot be reached just now.
func (d *deaths) rest(now int64, f flow.Flow) {
	if !d.has(now, f) {
		d.place(f).Store(&death{conn: f.Conn, owner: f.Owner, life: f.Life, until: now + unreachedMillis})
	}
}

func (d *deaths) has(now int64, f flow.Flow) bool {
	e := d.place(f).Load()
	return e != nil && e.conn == f.Conn && e.owner == f.Owner && e.life == f.Life && now < e.until
}

// count is how many connections are known to be over.
func (d *deaths) count(now int64) (n int) {
	for i := range d.places {
		if e := d.places[i].Load(); e != nil && now < e.until {
			n++
		}
	}
	return n
}

// tell notes that the others have to hear of it. Beyond the bound they find out when
// they ask.
func (d *deaths) tell(f flow.Flow) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.untold) < maxTold {
		d.untold = append(d.untold, f)
	}
}

func (d *deaths) hasUntold() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.untold) > 0
}

func (d *deaths) takeUntold() []flow.Flow {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.untold
	d.untold = nil
	return list
}

// dead reports whether a flow is a connection that is over, or whose owner is, or leads to
// an application that is. Of one
// at another member that may be found out only when something is sent.
func (s *Server) dead(f flow.Flow) bool {
	switch {
	case f.Transport == flow.Local:
		return s.appLost(f.Owner)
	case f.IsOwnedUDP():
		return !s.lives(ownerOf(s.ownerNow(f)))
	case f.Conn == 0:
		return false
	case f.Owner == s.self:
		return !s.layer.Alive(f)
	}
	return !s.alive(forward.Owner{ID: f.Owner, Life: f.Life}) || s.deaths.has(s.now(), f)
}

// lostFlow reports whether what was sent over a flow is to be sent another way.
func (s *Server) lostFlow(f flow.Flow) bool { return s.dead(f) || s.hasMoved(f) }

// ended takes the end of a connection of this process.
func (s *Server) ended(f flow.Flow) {
	if s.registrants.end(f.Conn) {
		s.metrics.endedFlows.Inc()
		s.deaths.tell(f)
	}
	s.deaths.news.Store(true)
	s.nudge()
}

// announceDeaths tells the other members which connections are over, in a batch. Called
// by the timers.
func (s *Server) announceDeaths() {
	list := s.deaths.takeUntold()
	if len(list) == 0 {
		return
	}
	frame := make([]byte, 0, len(list)*16)
	for _, f := range list {
		frame = flow.Append(frame, f)
	}
	s.toAll(frameDead, frame)
}

// deadAtPeer takes a frameDead.
func (s *Server) deadAtPeer(from uint32, payload []byte) {
	for now, n := s.now(), 0; len(payload) > 0; n++ {
		var f flow.Flow
		rest, ok := flow.Cut(payload, &f)
		if !ok || f.Conn == 0 || f.Owner != from || n == maxTold {
			s.metrics.drop(dropPeerFrame)
			break
		}
		s.deaths.add(now, f)
		payload = rest
	}
	s.nudge()
}

// tendFlows sees to what connections are over, and to what waits for new ones. Called by
// the timers.
func (s *Server) tendFlows(now int64) {
	s.announceDeaths()
	s.tendAway(now)
	s.sweep(now)
	s.tendLost()
	s.tendWaiting(now)
}

// sweep has the transactions learn which of their flows are over: of those that are
// noted, and of members that are up no more. Called by the timers.
func (s *Server) sweep(now int64) {
	d := &s.deaths
	if now < d.resting {
		return
	}
	view, began := s.cluster.View(), s.now()
	apps := d.apps
	if s.apps != nil {
		apps = s.apps.Table.Version()
	}
	if d.news.Swap(false) || view != d.view || apps != d.apps {
		s.table.Lost(now, s.lostFlow)
	}
	d.apps = apps
	d.resting, d.view = now+max(sweepMillis, sweepPart*(s.now()-began)), view
}

// nudge has the timers look, if they rest.
func (s *Server) nudge() {
	select {
	case s.begun <- struct{}{}:
	default:
	}
}

package cluster

import (
	"cmp"
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// Cores is the number of cores of every member: partition p belongs to core p % Cores. It is part of the protocol
// between members.
const Cores = 16

// CoreConfig is what a Core needs to know. Times in ms; 0 takes the default.
type CoreConfig struct {
	// Self is this member's ID, Incarnation that of its process.
	Self        uint32
	Incarnation uint64
	// Index of the core, of Cores (all members have the same number; 0 means the constant Cores).
	Index, Cores int
	// Limits of one AOR.
	Limits location.Limits
	// Budget is how many bytes of bindings this core may order more of, here or at another member: above it new AORs are
	// refused. 0 is without bound.
	Budget int

	// HedgeAfter is when a read that is not answered is asked of another holder too. Default 30.
	HedgeAfter int64
	// Timeout is when an op fails. Default 3000.
	Timeout int64
	// SweepPeriod is how long one pass of expiry and comparison over all partitions takes. Default 20000.
	SweepPeriod int64
	// StrayPeriod is how long a record stays that was stored here though this member does not own it, and others
	// do. Default 15000.
	StrayPeriod int64
}

func (cfg *CoreConfig) applyDefaults() {
	cfg.Cores = cmp.Or(cfg.Cores, Cores)
	cfg.HedgeAfter = cmp.Or(cfg.HedgeAfter, 30)
	cfg.Timeout = cmp.Or(cfg.Timeout, 3000)
	cfg.SweepPeriod = cmp.Or(cfg.SweepPeriod, 20_000)
	cfg.StrayPeriod = cmp.Or(cfg.StrayPeriod, 15_000)
}

// Core is the state machine of one part of the partitions: their records, who else holds them, and the operations
// under way. It has no clock, goroutine, lock or socket: every method is a step that fills Effects. now is in
// milliseconds since the Unix epoch and does not fall. Not safe for concurrent use: one lock to a core.
type Core struct {
	cfg   CoreConfig
	view  *View
	now   int64
	ahead int64 // how much further the fastest clock met is

	parts    []part // of this core, by partition / Cores
	counts   [4]int // parts by holding
	store    *location.Store
	peers    []*peer // by rising ID
	absences []absence
	ops      ops

	sequence uint32  // of announcements
	unsure   uint32  // the announcement that all peers are to confirm before this member serves again; 0: it serves
	dirty    []int32 // parts whose holding is to be announced
	room     location.Room
	toldRoom location.Room // what the peers have been told of it
	fills    []int32       // parts being filled
	repairs  []repair
	wanted   checkQueue // repairs to come
	checks   checkQueue
	covers   checkQueue
	sweep    sweep
	dropped  int64 // when a part with records was dropped last
	// until when REGISTERs may be on their way of which nothing here tells
	untoldUntil int64
	// until when the others are told that some are refused here, as they have their share of the budget
	refusedUntil int64
	demoted      int    // parts filling again because they had been concluded alone
	tags         uint32 // of fills and repairs, so that a late answer is known as such

	stats   Stats
	scratch scratch
}

// scratch is memory for one step.
type scratch struct {
	targets []uint32
	record  []byte
	update  location.Update
	dropped []bool // by local number
}

// clear returns one false for each partition.
func (s *scratch) clear(parts int) []bool {
	s.dropped = slices.Grow(s.dropped[:0], parts)[:parts]
	clear(s.dropped)
	return s.dropped
}

// part is one partition as this member has it.
type part struct {
	holding   holding
	alone     bool   // held, but concluded while members that might know better were away
	demoted   bool   // filling for that reason
	kept      bool   // filling, and was held before: what is here is needed, owned or not
	listed    bool   // in dirty
	writes    int32  // writes under way that were ordered here
	announced uint32 // sequence in which holding was announced
	strayAt   int64  // when a record was last stored here while none
	fill      *fill
	holders   []holder // the other members that hold it, or are about to
	covered   []uint32 // leaving or none: members that have all that is here
	fetches   []fetch  // leaving or none: by members that may be about to
	coverAt   int64    // when others were last asked whether they do
}

// holding is what a member has of a partition, and what it tells the others.
type holding uint8

const (
	// none: nothing that counts.
	none holding = iota
	// filling: gets every update from now on, and fetches what was before.
	filling
	// held: has everything acknowledged, and owns it.
	held
	// leaving: has everything acknowledged, does not own it, and will drop it when its owners hold it.
	leaving
)

// serves reports whether reads may be answered and updates ordered.
func (h holding) serves() bool { return h == held || h == leaving }

// holder is another member's holding of a partition.
type holder struct {
	id      uint32
	holding holding
}

// peer is another member with which there is a stream.
type peer struct {
	id          uint32
	incarnation uint64
	link        uint64
	noted       uint32 // the last of our announcements it has confirmed
	asked       int    // partitions asked of it and not answered yet
	want        []pull
	fullDue     bool // it is to be sent everything
	fullWant    bool // and asked for the same
	room        location.Room
}

// NewCore returns a core without a view: ops wait for one.
func NewCore(cfg CoreConfig) *Core {
	cfg.applyDefaults()
	c := &Core{cfg: cfg}
	c.ops.init(cfg.Incarnation)
	return c
}

// Message takes a message from a peer. It does not keep b. What cannot be read, or comes from a member the view does
// not know as Up, is dropped and counted.
func (c *Core) Message(now int64, from uint32, b []byte, e *Effects) {
	c.at(now)
	p := c.peer(from)
	if p == nil || len(b) < 2 || b[0]&0xf0 != protocolVersion || int(b[1]) != c.cfg.Index {
		c.stats.DroppedMessages++
		return
	}
	if r := (reader{b: b[2:]}); !c.dispatch(p, kind(b[0]&0x0f), &r, e) {
		c.stats.DroppedMessages++
	}
	c.finish(e)
}

func (c *Core) dispatch(p *peer, k kind, r *reader, e *Effects) bool {
	switch k {
	case kindRegister:
		return c.onRegister(p, r, e)
	case kindRegistered:
		return c.onRegistered(p, r, e)
	case kindLookup:
		return c.onLookup(p, r, e)
	case kindFound:
		return c.onFound(p, r, e)
	case kindReplicate:
		return c.onReplicate(p, r, e)
	case kindStored:
		return c.onStored(p, r, e)
	case kindStatus:
		return c.onStatus(p, r, e)
	case kindNoted:
		return c.onNoted(p, r, e)
	case kindPull:
		return c.onPull(p, r, e)
	case kindSnapshot:
		return c.onSnapshot(p, r, e)
	case kindDigest:
		return c.onDigest(p, r, e)
	case kindFetched:
		return c.onFetched(p, r, e)
	}
	return false
}

// peer returns the peer of the ID, nil if there is no stream to it.
func (c *Core) peer(id uint32) *peer {
	i, ok := slices.BinarySearchFunc(c.peers, id, func(p *peer, id uint32) int { return cmp.Compare(p.id, id) })
	if !ok {
		return nil
	}
	return c.peers[i]
}

// stalled is how long after a step the next may come, ms, until this process must suppose that it was stopped: Tick comes
// sooner, and peers take no shorter silence for death.
const stalled = 400

// at starts a step. After a stall others may have taken this member for dead and acknowledged without it, which it has
// not heard yet: it asks them, and serves again when all have confirmed.
func (c *Core) at(now int64) {
	if now-c.now > stalled && c.now > 0 && len(c.peers) > 0 {
		c.stats.Stalls++
		c.askAll()
	}
	c.now = max(c.now, now)
}

// askAll has this member serve nothing until every peer has confirmed that it still counts it in.
func (c *Core) askAll() { c.unsure = c.sequence + 1 }

// sure reports whether every peer has confirmed that it still counts this member in.
func (c *Core) sure() bool {
	if c.unsure != 0 && c.noted() >= c.unsure {
		c.unsure = 0
	}
	return c.unsure == 0
}

// serves reports whether reads may be answered and updates ordered here.
func (c *Core) serves(local int32) bool { return c.parts[local].holding.serves() && c.sure() }

// finish ends a step: what changed is announced.
func (c *Core) finish(e *Effects) {
	c.measure()
	c.announce(e)
}

// clock is the time for versions: this member's, moved to the fastest clock of the cluster, so that an update ordered
// after another is the newer one whichever members ordered them.
func (c *Core) clock() uint64 { return uint64(max(1, c.now+c.ahead)) }

// maxClock bounds versions, so that they never come round.
const maxClock = 1 << 62

// learn takes note of another member's clock, as a message shows it.
func (c *Core) learn(clock uint64) {
	c.ahead = max(c.ahead, int64(min(clock, maxClock))-c.now)
}

// partition numbers: global is p, local is p / Cores.
func (c *Core) global(local int32) int { return int(local)*c.cfg.Cores + c.cfg.Index }

// local returns the number here of a partition a message names, and false if it is not of this core.
func (c *Core) local(p uint32) (int32, bool) {
	local := int(p) / c.cfg.Cores
	return int32(local), int(p)%c.cfg.Cores == c.cfg.Index && local < len(c.parts)
}

// Progress returns how far the core is with what it should hold under its view.
func (c *Core) Progress() Progress {
	if c.view == nil {
		return Progress{}
	}
	return Progress{
		Version: c.view.Version, Filling: c.counts[filling], Held: c.counts[held], Leaving: c.counts[leaving],
		Demoted: c.demoted > 0,
	}
}

// Progress says how far a member is with what it should hold.
type Progress struct {
	// Version is that of the view it was made under; 0 for a sum of several.
	Version uint64
	// Filling counts owned partitions not yet held, Held those held, Leaving those held for others to take over.
	Filling, Held, Leaving int
	// Demoted: partitions concluded alone are in doubt since a member came back: this member is no longer synced.
	Demoted bool
}

// Add returns the sum over two cores. Of different versions it is 0, which no view has.
func (p Progress) Add(q Progress) Progress {
	if p.Version != q.Version {
		p.Version = 0
	}
	p.Filling += q.Filling
	p.Held += q.Held
	p.Leaving += q.Leaving
	p.Demoted = p.Demoted || q.Demoted
	return p
}

// CoreOfMessage returns the core a message is for, and false if it has none.
func CoreOfMessage(b []byte) (int, bool) {
	if len(b) < 2 || int(b[1]) >= Cores {
		return 0, false
	}
	return int(b[1]), true
}

package cluster

import (
	"cmp"

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
//
// What it does is done by its roles, each of which owns its fields. The Core takes steps to them.
type Core struct {
	self
	peers         peers
	announcements announcements
	partitions    partitions
	absences      absences
	budget        budget
	announcer     announcer

	snapshots snapshots
	syncer    syncer
	repairer  repairer
	comparer  comparer
	handover  handover
	sweeper   sweeper
	lookout   lookout

	operations operations

	dropped []bool // by local number: memory for one step
}

// NewCore returns a core without a view: ops wait for one.
func NewCore(cfg CoreConfig) *Core {
	cfg.applyDefaults()
	c := &Core{self: self{cfg: cfg}}
	c.announcements = announcements{peers: &c.peers}
	c.partitions = partitions{self: &c.self, announcements: &c.announcements, peers: &c.peers}
	c.absences = absences{peers: &c.peers}
	c.budget = budget{self: &c.self, peers: &c.peers}
	c.announcer = announcer{
		self: &c.self, announcements: &c.announcements, peers: &c.peers, partitions: &c.partitions,
		absences: &c.absences, budget: &c.budget,
	}
	c.snapshots = snapshots{self: &c.self, peers: &c.peers, partitions: &c.partitions}
	c.syncer = syncer{self: &c.self, peers: &c.peers, partitions: &c.partitions, snapshots: &c.snapshots}
	c.repairer = repairer{self: &c.self, peers: &c.peers, snapshots: &c.snapshots}
	c.comparer = comparer{self: &c.self, peers: &c.peers, partitions: &c.partitions, repairer: &c.repairer}
	c.handover = handover{self: &c.self, partitions: &c.partitions, comparer: &c.comparer}
	c.sweeper = sweeper{self: &c.self, partitions: &c.partitions, handover: &c.handover, comparer: &c.comparer}
	c.lookout = lookout{self: &c.self, partitions: &c.partitions}
	s := &c.operations
	s.partitions = &c.partitions
	s.ops.init(cfg.Incarnation)
	s.requests = requests{self: &c.self, peers: &c.peers, partitions: &c.partitions, ops: &s.ops, orders: &s.orders}
	s.orders = orders{
		self: &c.self, announcements: &c.announcements, peers: &c.peers, partitions: &c.partitions, absences: &c.absences,
		budget: &c.budget, ops: &s.ops, requests: &s.requests,
	}
	return c
}

// Register starts an op. The AOR must belong to this core: View.Partition(AOR) % Cores.
func (c *Core) Register(now int64, op *RegisterOp, e *Effects) {
	c.at(now)
	c.stats.Registers++
	if !op.Update.Valid() {
		c.finishRegister(op, location.StatusBadRequest, location.Record{}, e)
		return
	}
	hash, local, ok := c.partitions.place(op.Update.AOR)
	if !ok {
		c.operations.requests.refuse(op, e)
		return
	}
	c.operations.requests.forward(op, hash, local, c.now, e)
	c.finish(e)
}

// Lookup starts an op. The AOR must belong to this core: View.Partition(AOR) % Cores.
func (c *Core) Lookup(now int64, op *LookupOp, e *Effects) {
	c.at(now)
	c.stats.Lookups++
	if len(op.AOR) > location.MaxAOR {
		c.finishLookup(op, true, location.Record{}, e) // too long to have been registered
		return
	}
	hash, local, ok := c.partitions.place(op.AOR)
	switch {
	case !ok:
		c.operations.requests.refuseLookup(op, e)
	case c.partitions.serves(local):
		c.stats.LookupsLocal++
		c.finishLookup(op, true, c.store.Get(int(local), op.AOR), e)
	case c.operations.requests.lookup(op, hash, local, e):
		c.finish(e)
	}
}

// Message takes a message from a peer. It does not keep b. What cannot be read, or comes from a member the view does
// not know as Up, is dropped and counted.
func (c *Core) Message(now int64, from uint32, b []byte, e *Effects) {
	c.at(now)
	p := c.peers.find(from)
	if p == nil || len(b) < 2 || b[0]&0xf0 != protocolVersion || int(b[1]) != c.cfg.Index {
		c.stats.DroppedMessages++
		return
	}
	if r := (reader{b: b[2:]}); !c.dispatch(p, kind(b[0]&0x0f), &r, e) {
		c.stats.DroppedMessages++
	}
	c.finish(e)
}

// dispatch takes a message to the role that it is for, and reports whether it could be read.
func (c *Core) dispatch(p *peer, k kind, r *reader, e *Effects) bool {
	switch k {
	case kindRegister:
		return c.operations.orders.onRegister(p, r, e)
	case kindRegistered:
		return c.operations.requests.onRegistered(p, r, e)
	case kindLookup:
		return c.operations.requests.onLookup(p, r, e)
	case kindFound:
		return c.operations.requests.onFound(p, r, e)
	case kindReplicate:
		return c.operations.orders.onReplicate(p, r, e)
	case kindStored:
		return c.operations.orders.onStored(p, r, e)
	case kindPull:
		return c.snapshots.onPull(p, r, e)
	}
	ok := c.dispatchHolding(p, k, r, e)
	if ok {
		c.advance(e)
	}
	return ok
}

// dispatchHolding is dispatch for the messages that may let fills, repairs and departures go on.
func (c *Core) dispatchHolding(p *peer, k kind, r *reader, e *Effects) bool {
	switch k {
	case kindStatus:
		return c.onStatus(p, r, e)
	case kindNoted:
		return c.onNoted(p, r, e)
	case kindSnapshot:
		return c.onSnapshot(p, r, e)
	case kindDigest:
		return c.comparer.onDigest(p, r, e)
	case kindFetched:
		return c.handover.onFetched(p, r)
	}
	return false
}

// stalled is how long after a step the next may come, ms, until this process must suppose that it was stopped: Tick comes
// sooner, and peers take no shorter silence for death.
const stalled = 400

// at starts a step. After a stall others may have taken this member for dead and acknowledged without it, which it has
// not heard yet: it asks them, and serves again when all have confirmed.
func (c *Core) at(now int64) {
	if now-c.now > stalled && c.now > 0 && len(c.peers) > 0 {
		c.stats.Stalls++
		c.announcements.askAll()
	}
	c.now = max(c.now, now)
}

// finish ends a step: what changed is announced.
func (c *Core) finish(e *Effects) {
	if c.cfg.Budget != 0 {
		c.budget.measure()
	}
	c.announcer.announce(e)
}

// Progress returns how far the core is with what it should hold under its view.
func (c *Core) Progress() Progress {
	if c.view == nil {
		return Progress{}
	}
	return c.partitions.progress()
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

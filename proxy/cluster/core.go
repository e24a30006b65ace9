package cluster

import "github.com/sipring/sipring/proxy/location"

// Cores is the number of cores of every member: partition p belongs to core p % Cores. It is part of the protocol
// between members.
const Cores = 16

// CoreConfig is what a Core needs to know.
type CoreConfig struct {
	// Self is this member's ID, Incarnation that of its process.
	Self        uint32
	Incarnation uint64
	// Index of the core, of Cores.
	Index, Cores int
	// Limits of one AOR.
	Limits location.Limits
}

// Core is the state machine of one part of the partitions: their records, who else holds them, and the operations
// under way. It has no clock, goroutine, lock or socket: every method is a step that fills Effects. now is in
// milliseconds since the Unix epoch and does not fall. Not safe for concurrent use: one lock to a core.
type Core struct {
	cfg CoreConfig
}

// NewCore returns a core without a view: ops wait for one.
func NewCore(cfg CoreConfig) *Core { return &Core{cfg: cfg} }

// ViewChanged takes a new view. Views must come in order of Version.
func (c *Core) ViewChanged(now int64, v *View, e *Effects) {}

// Register starts an op. The AOR must belong to this core (CoreOf).
func (c *Core) Register(now int64, op *RegisterOp, e *Effects) {}

// Lookup starts an op. The AOR must belong to this core (CoreOf).
func (c *Core) Lookup(now int64, op *LookupOp, e *Effects) {}

// Message takes a message from a peer. It does not keep b. What cannot be read, or comes from a member the view does
// not know as Up, is dropped and counted.
func (c *Core) Message(now int64, from uint32, b []byte, e *Effects) {}

// Tick is to be called every 10 to 20 ms: timeouts, hedged reads, expiry, repair.
func (c *Core) Tick(now int64, e *Effects) {}

// Progress returns how far the core is with what it should hold under its view.
func (c *Core) Progress() Progress { return Progress{} }

// Stats returns counts. Cheap enough for every scrape.
func (c *Core) Stats() Stats { return Stats{} }

// Progress says how far a member is with what it should hold.
type Progress struct {
	// Version is the view's; cores of different versions do not add up.
	Version uint64
	// Filling counts owned partitions not yet held, Held those held, Leaving those held for others to take over.
	Filling, Held, Leaving int
	// Demoted: partitions concluded alone are in doubt since a member came back: this member is no longer synced.
	Demoted bool
}

// Add returns the sum over two cores.
func (p Progress) Add(q Progress) Progress { return p }

// Stats are counts of one core. Gauges: the first block. Counters: the others.
type Stats struct {
	Records, Bindings, Bytes  int // held; Bindings include what has expired and not been swept yet
	HomeRecords, HomeBindings int // of them, of partitions this member is home of
	Pending                   int // ops under way
	Partitions                int // partitions held

	Registers, RegistersFailed         uint64
	Lookups, LookupsLocal              uint64
	LookupsHedged, LookupsUnavailable  uint64
	Rehomed                            uint64 // bindings whose home became this member because another left
	Filled, FilledAlone                uint64 // partitions
	Repairs                            uint64 // partitions found to differ
	Relayed                            uint64 // updates passed on to members the home did not see
	DroppedMessages, RefusedOps        uint64
	SnapshotsSentBytes, SnapshotsBytes uint64
}

// CoreOfMessage returns the core a message is for, and false if it has none.
func CoreOfMessage(b []byte) (int, bool) {
	if len(b) < 2 || int(b[1]) >= Cores {
		return 0, false
	}
	return int(b[1]), true
}

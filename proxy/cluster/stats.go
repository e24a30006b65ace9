package cluster

// Stats are counts of one core. Gauges: the first block. Counters: the others.
type Stats struct {
	Records, Bindings, Bytes  int // held; Bindings include what has expired and not been swept yet
	HomeRecords, HomeBindings int // of them, of partitions this member is home of
	Pending                   int // ops under way
	Partitions                int // partitions held
	Budget                    int // CoreConfig.Budget

	Registers, RegistersFailed         uint64
	Lookups, LookupsLocal              uint64
	LookupsHedged, LookupsUnavailable  uint64
	Rehomed                            uint64 // bindings whose home became this member because another left
	Filled, FilledAlone                uint64 // partitions
	Repairs                            uint64 // partitions found to differ
	Stalls                             uint64 // of this process, after which it asked the others before it served
	Relayed                            uint64 // updates passed on to members the home did not see
	OrderedAgain                       uint64 // updates that an older one of their phone, ordered at the same time, had won over
	DroppedMessages, RefusedOps        uint64
	RefusedRecords                     uint64 // of snapshots
	NoRoom                             uint64 // updates ordered here that were refused because a member to hold them is above its budget
	SourceFull, DomainFull             uint64 // refused because their source, or domain, has its share of the budget here
	SnapshotsSentBytes, SnapshotsBytes uint64
}

// Stats returns counts. Cheap enough for every scrape.
func (c *Core) Stats() Stats {
	s := c.stats
	s.Pending, s.Budget = c.operations.pending(), c.cfg.Budget
	if c.store == nil {
		return s
	}
	sum := c.store.Stats()
	s.Records, s.Bindings, s.Bytes = sum.Records, sum.Bindings, sum.Bytes
	c.partitions.addTo(&s)
	return s
}

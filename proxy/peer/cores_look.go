package peer

import (
	"fmt"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/wire"
)

// What is asked of all cores, one after the other.

// locate looks for an address-of-record that the contact is registered for, and
// appends what is found to dst.
func (cs *cores) locate(uri, dst []byte) ([]byte, cluster.LookupResult) {
	now, hash, all := cs.clock.now(), wire.HashURI(uri), cluster.NotFound
	for i := range cs.all {
		c, result := &cs.all[i], cluster.Unavailable
		c.mu.Lock()
		if !c.closed {
			dst, result = c.m.Locate(now, hash, uri, dst)
		}
		c.mu.Unlock()
		switch result {
		case cluster.Found:
			return dst, result
		case cluster.Unavailable:
			all = result
		}
	}
	return dst, all
}

// progress is what they hold and wait for together.
func (cs *cores) progress() cluster.Progress {
	var sum cluster.Progress
	for i := range cs.all {
		cs.all[i].mu.Lock()
		p := cs.all[i].m.Progress()
		cs.all[i].mu.Unlock()
		if i == 0 {
			sum = p
		} else {
			sum = sum.Add(p)
		}
	}
	return sum
}

// locked names those whose lock is held, as far as a look tells.
func (cs *cores) locked() []string {
	var locked []string
	for i := range cs.all {
		if !cs.all[i].mu.TryLock() {
			locked = append(locked, fmt.Sprint("core ", i))
			continue
		}
		cs.all[i].mu.Unlock()
	}
	return locked
}

// stats sums their counts.
func (cs *cores) stats() cluster.Stats {
	var sum cluster.Stats
	for i := range cs.all {
		cs.all[i].mu.Lock()
		s := cs.all[i].m.Stats()
		cs.all[i].mu.Unlock()
		add(&sum, &s)
	}
	return sum
}

func add(sum, s *cluster.Stats) {
	sum.Records += s.Records
	sum.Bindings += s.Bindings
	sum.Bytes += s.Bytes
	sum.Budget += s.Budget
	sum.HomeRecords += s.HomeRecords
	sum.HomeBindings += s.HomeBindings
	sum.Pending += s.Pending
	sum.Partitions += s.Partitions
	sum.Registers += s.Registers
	sum.RegistersFailed += s.RegistersFailed
	sum.Lookups += s.Lookups
	sum.LookupsLocal += s.LookupsLocal
	sum.LookupsHedged += s.LookupsHedged
	sum.LookupsUnavailable += s.LookupsUnavailable
	sum.Rehomed += s.Rehomed
	sum.Filled += s.Filled
	sum.FilledAlone += s.FilledAlone
	sum.OrderedAgain += s.OrderedAgain
	sum.Repairs += s.Repairs
	sum.Stalls += s.Stalls
	sum.Relayed += s.Relayed
	sum.DroppedMessages += s.DroppedMessages
	sum.RefusedOps += s.RefusedOps
	sum.RefusedRecords += s.RefusedRecords
	sum.NoRoom += s.NoRoom
	sum.SourceFull += s.SourceFull
	sum.DomainFull += s.DomainFull
	sum.SnapshotsSentBytes += s.SnapshotsSentBytes
	sum.SnapshotsBytes += s.SnapshotsBytes
}

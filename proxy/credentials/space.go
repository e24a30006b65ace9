package credentials

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/metric"
)

// entryBytes is what an entry takes beside the bytes of its strings: itself, its question, its places in map and order.
const entryBytes = 384

// entry is what a source said of a user, or that it did not. The lock of its shard guards it.
type entry struct {
	question question
	is       Credential
	away     bool   // it is not known whether there is such a user: the source was away
	seq      uint64 // what had been taken back when the question was asked
	until    int64  // it holds
	gone     int64  // not even a source that is away makes it hold longer
	again    int64  // when a refresh may be tried
	sure     int64  // until then it is not asked for because somebody failed
	uses     uint8  // looks at it, up to maxUses, less one each time that the hand of the space passed
	doubted  bool   // it was taken back, perhaps: ask, if anybody can be
	asking   bool   // it waits for a refresh
	place    int    // in the order of its space
	size     int64
}

// maxUses bounds the looks at an entry that count.
const maxUses = 3

// space keeps entries within bounds: those that are used least make room (generalized CLOCK). Who was looked at once, as
// when it came, goes before who comes again and again. The lock of its shard guards it.
type space struct {
	entries    map[string]*entry // by key
	order      []*entry
	hand       int
	bytes      int64
	maxEntries int
	maxBytes   int64
	counts     *spaceCounts
}

// spaceCounts are those of all spaces of a kind.
type spaceCounts struct {
	entries, bytes prometheus.Gauge
	evicted        metric.Counter
}

// put adds an entry in place of the one with its key.
func (s *space) put(key string, e *entry) {
	s.drop(key)
	e.size = entryBytes + int64(len(key)) + e.question.size()
	for _, aor := range e.is.AORs {
		e.size += int64(len(aor)) + 16
	}
	for len(s.order) > 0 && (len(s.order) >= s.maxEntries || s.bytes+e.size > s.maxBytes) {
		s.evict()
	}
	e.place = len(s.order)
	s.order = append(s.order, e)
	s.entries[key] = e
	s.account(1, e.size)
}

// evict drops the next entry that has no uses left.
func (s *space) evict() {
	for {
		s.hand %= len(s.order)
		e := s.order[s.hand]
		if e.uses == 0 {
			s.counts.evicted.Inc()
			s.drop(e.question.key)
			return
		}
		e.uses--
		s.hand++
	}
}

// drop forgets an entry; the last in order takes its place.
func (s *space) drop(key string) {
	e := s.entries[key]
	if e == nil {
		return
	}
	delete(s.entries, key)
	last := len(s.order) - 1
	s.order[e.place] = s.order[last]
	s.order[e.place].place = e.place
	s.order[last] = nil
	s.order = s.order[:last]
	s.account(-1, -e.size)
}

func (s *space) account(entries int, bytes int64) {
	s.bytes += bytes
	s.counts.entries.Add(float64(entries))
	s.counts.bytes.Add(float64(bytes))
}

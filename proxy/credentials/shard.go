package credentials

import (
	"hash/maphash"
	"sync"
)

// bounds of what is kept of what a source said, and of who waits for it.
type bounds struct {
	shards                  int
	known, absent           int   // entries
	knownBytes, absentBytes int64 // bytes
	waiting                 int   // functions that wait
	queue                   int   // questions that wait
}

// defaultBounds take some 100 MiB if all are used, of which users take the most. Who asks for what does not exist fills
// the small space only.
var defaultBounds = bounds{
	shards: 256, known: 256 << 10, absent: 16 << 10, knownBytes: 96 << 20, absentBytes: 8 << 20, waiting: 16 << 10, queue: 8 << 10,
}

// shard is a part of the cache, by the hash of the key.
type shard struct {
	mu      sync.Mutex
	known   space              // users that there are
	absent  space              // those that there are not, and those of whom it could not be told
	flights map[string]*flight // questions that wait or are under way, by key
}

// flight is a question that somebody waits for.
type flight struct {
	question question
	asked    int64 // when it began to wait
	probe    bool  // it tries whether the source is back
	again    bool  // it was taken back while under way; the lock of the shard guards this and:
	waiting  []func()
}

// cache is all shards.
type cache struct {
	seed   maphash.Seed
	shards []shard
}

func newCache(b *bounds, m *Metrics) *cache {
	c := &cache{seed: maphash.MakeSeed(), shards: make([]shard, b.shards)}
	for i := range c.shards {
		s := &c.shards[i]
		s.flights = map[string]*flight{}
		s.known = space{
			entries: map[string]*entry{}, maxEntries: max(b.known/b.shards, 1), maxBytes: b.knownBytes / int64(b.shards), counts: &m.known,
		}
		s.absent = space{
			entries: map[string]*entry{}, maxEntries: max(b.absent/b.shards, 1), maxBytes: b.absentBytes / int64(b.shards), counts: &m.absent,
		}
	}
	return c
}

// of returns the shard of a key.
func (c *cache) of(key []byte) *shard {
	return &c.shards[maphash.Bytes(c.seed, key)%uint64(len(c.shards))]
}

// named is of.
func (c *cache) named(key string) *shard {
	return &c.shards[maphash.String(c.seed, key)%uint64(len(c.shards))]
}

// isAway reports whether it could not be told lately whether there is a user.
func (s *shard) isAway(key []byte, now int64) bool {
	a := s.absent.entries[string(key)]
	return a != nil && a.away && now < a.until
}

package transaction

import (
	"encoding/binary"

	"github.com/sipring/sipring/proxy/token"
)

// index finds contexts by their key: a hash table whose chains run through the
// contexts, so that it allocates only when it grows. A key is a keyed hash
// already, and nobody outside can make keys that collide.
type index struct {
	buckets []*ResponseContext // a power of two
	count   int
}

// hashKey returns the part of the key that places it: the low bits the shard,
// the others the bucket. The first byte names a key of the cluster.
func hashKey(key token.TxID) uint64 { return binary.LittleEndian.Uint64(key[4:]) }

func (x *index) bucket(key token.TxID) **ResponseContext {
	return &x.buckets[hashKey(key)>>shardBits&uint64(len(x.buckets)-1)]
}

func (x *index) get(key token.TxID) *ResponseContext {
	if x.count == 0 {
		return nil
	}
	c := *x.bucket(key)
	for c != nil && c.key != key {
		c = c.place.chain
	}
	return c
}

// add puts in a context whose key is not there.
func (x *index) add(c *ResponseContext) {
	if x.count == len(x.buckets) {
		x.grow()
	}
	x.count++
	x.link(c)
}

func (x *index) link(c *ResponseContext) {
	b := x.bucket(c.key)
	c.place.chain, *b = *b, c
}

func (x *index) remove(c *ResponseContext) {
	for at := x.bucket(c.key); *at != nil; at = &(*at).place.chain {
		if *at == c {
			*at, c.place.chain = c.place.chain, nil
			x.count--
			return
		}
	}
}

func (x *index) grow() {
	old := x.buckets
	x.buckets = make([]*ResponseContext, max(16, 2*len(old)))
	for _, c := range old {
		for c != nil {
			next := c.place.chain
			x.link(c)
			c = next
		}
	}
}

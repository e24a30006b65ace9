package peer

import (
	"sync/atomic"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// current is the view in force, nil before the first member set. Views are never
// changed: membership stores the next under its lock, and whoever has loaded one
// may keep it. Safe for concurrent use, without a lock.
type current struct{ atomic.Pointer[cluster.View] }

// epoch of the member set in force, 0 before there is one.
func (c *current) epoch() uint64 {
	if v := c.Load(); v != nil {
		return v.Epoch
	}
	return 0
}

// set is the one in force; nil before there is one.
func (c *current) set() *config.MemberSet {
	if v := c.Load(); v != nil {
		return v.Set
	}
	return nil
}

// marshalSet is the set in force as a peer reads it, nil if there is none or it is
// too long for a frame.
func (c *current) marshalSet() []byte {
	set := c.set()
	if set == nil {
		return nil
	}
	b, err := set.AsRead()
	if err != nil || len(b) > maxFrame {
		return nil
	}
	return b
}

package cluster

import (
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// What bindings take is bounded by who orders updates, not by who stores them: a copy that one member took and another
// refused would be none. Each member tells with its announcements how much room it has, and new AORs are refused where one
// of those that are to hold them is short of it. So all members refuse the same, and none that took part can be made to
// take more than the budget and what was under way, but for what it takes over when another leaves.

// room levels: above the budget there is room for what is known only, above budgetSlack/4 more for nothing.
const budgetSlack = 4

// measure says how much room there is. It comes back a sixteenth below the bound at which it went.
func (c *Core) measure() {
	if c.cfg.Budget == 0 || c.store == nil {
		return
	}
	took, budget, was := c.store.Stats().Bytes, c.cfg.Budget, c.room
	reached := func(bound int, level location.Room) bool {
		return took >= bound || was >= level && took >= bound-bound/16
	}
	switch {
	case reached(budget+budget/budgetSlack, location.NoRoom):
		c.room = location.NoRoom
	case reached(budget, location.RoomForKnown):
		c.room = location.RoomForKnown
	case c.now < c.refusedUntil:
		c.room = location.RoomForSome
	default:
		c.room = location.RoomForAll
	}
}

// roomAt is how much room there is where it is least, of this member and the targets.
func (c *Core) roomAt(targets []uint32) location.Room {
	least := c.room
	for _, id := range targets {
		if p := c.peer(id); p != nil {
			least = max(least, p.room)
		}
	}
	return least
}

// countRefusal counts an update that was ordered here and refused for want of room. The others hear that there are such, see
// short: one of them may be the home of its AOR next, while late copies of it are on their way.
func (c *Core) countRefusal(status int) {
	switch status {
	case location.StatusNoRoom:
		c.stats.NoRoom++
		return
	case location.StatusSourceFull:
		c.stats.SourceFull++
	case location.StatusDomainFull:
		c.stats.DomainFull++
	default:
		return
	}
	c.refusedUntil = c.now + location.OrderFor
	c.untold()
}

// short notes that a member is short of room, if only for some: REGISTERs that are refused for it leave no trace by which late copies of them
// could be told.
func (c *Core) short() {
	if slices.ContainsFunc(c.peers, func(p *peer) bool { return p.room > location.RoomForAll }) || c.room > location.RoomForAll {
		c.untold()
	}
}

// Room in the flags of an announcement.
const statusRoomShift = 4

func roomFlags(r location.Room) uint8 { return uint8(r) << statusRoomShift }

// roomOf reads it. What is not known is none.
func roomOf(flags uint8) location.Room {
	return min(location.Room(flags>>statusRoomShift), location.NoRoom)
}

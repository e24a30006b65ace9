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

// budget bounds what is ordered here.
type budget struct {
	*self
	peers *peers

	room location.Room // here
	// until when REGISTERs may be on their way of which nothing here tells
	untoldUntil int64
	// until when the others are told that some are refused here, as they have their share of the budget
	refusedUntil int64
}

// level is how much room there is here.
func (b *budget) level() location.Room { return b.room }

// measure says how much room there is under a budget. It comes back a sixteenth below the bound at which it went.
func (b *budget) measure() {
	if b.store == nil {
		return
	}
	took, budget, was := b.store.Stats().Bytes, b.cfg.Budget, b.room
	reached := func(bound int, level location.Room) bool {
		return took >= bound || was >= level && took >= bound-bound/16
	}
	switch {
	case reached(budget+budget/budgetSlack, location.NoRoom):
		b.room = location.NoRoom
	case reached(budget, location.RoomForKnown):
		b.room = location.RoomForKnown
	case b.now < b.refusedUntil:
		b.room = location.RoomForSome
	default:
		b.room = location.RoomForAll
	}
}

// roomAt is how much room there is where it is least, of this member and the targets.
func (b *budget) roomAt(targets []uint32) location.Room {
	least := b.room
	for _, id := range targets {
		if p := b.peers.find(id); p != nil {
			least = max(least, p.room)
		}
	}
	return least
}

// countRefusal counts an update that was ordered here and refused for want of room. The others hear that there are such, see
// short: one of them may be the home of its AOR next, while late copies of it are on their way.
func (b *budget) countRefusal(status int) {
	switch status {
	case location.StatusNoRoom:
		b.stats.NoRoom++
		return
	case location.StatusSourceFull:
		b.stats.SourceFull++
	case location.StatusDomainFull:
		b.stats.DomainFull++
	default:
		return
	}
	b.refusedUntil = b.now + location.OrderFor
	b.untold()
}

// short notes that a member is short of room, if only for some: REGISTERs that are refused for it leave no trace by which late copies of them
// could be told.
func (b *budget) short() {
	if slices.ContainsFunc(*b.peers, func(p *peer) bool { return p.room > location.RoomForAll }) || b.room > location.RoomForAll {
		b.untold()
	}
}

// untold notes that members may have had REGISTERs of which nothing here tells.
func (b *budget) untold() { b.untoldUntil = b.now + location.OrderFor }

// tells reports whether nothing of the kind can be under way.
func (b *budget) tells() bool { return b.now >= b.untoldUntil }

// Room in the flags of an announcement.
const statusRoomShift = 4

func roomFlags(r location.Room) uint8 { return uint8(r) << statusRoomShift }

// roomOf reads it. What is not known is none.
func roomOf(flags uint8) location.Room {
	return min(location.Room(flags>>statusRoomShift), location.NoRoom)
}

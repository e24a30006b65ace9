package cluster

import (
	"cmp"
	"math"
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// peer is another member with which there is a stream.
type peer struct {
	id          uint32
	incarnation uint64
	link        uint64
	noted       uint32 // the last of our announcements it has confirmed
	room        location.Room
	pulls       pullWindow
	unheard     bool // nothing has been announced on the stream yet
	fullDue     bool // it is to be sent everything
	fullWant    bool // and asked for the same
}

// met begins a stream with the process that the view shows: nothing is known of what it has, or has confirmed.
func (p *peer) met(m MemberView) {
	p.incarnation, p.link, p.noted = m.Incarnation, m.Link, 0
	p.fullDue, p.fullWant, p.unheard, p.room = true, true, true, location.RoomForAll
}

// peers are the members with which there is a stream, by rising ID.
type peers []*peer

// find returns the peer of the ID, nil if there is no stream to it.
func (l peers) find(id uint32) *peer {
	i, ok := slices.BinarySearchFunc(l, id, func(p *peer, id uint32) int { return cmp.Compare(p.id, id) })
	if !ok {
		return nil
	}
	return l[i]
}

// add adds a peer that is not there.
func (l *peers) add(id uint32) *peer {
	p := &peer{id: id}
	*l = append(*l, p)
	slices.SortFunc(*l, func(a, b *peer) int { return cmp.Compare(a.id, b.id) })
	return p
}

// noted returns the announcement that every peer has confirmed.
func (l peers) noted() uint32 {
	least := uint32(math.MaxUint32)
	for _, p := range l {
		least = min(least, p.noted)
	}
	return least
}

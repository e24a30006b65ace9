package peer

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// count counts a node's events of one kind about a member.
func count(n *Node, kind EventKind, member uint32) int {
	events, _ := n.events.since(0)
	total := 0
	for _, e := range events {
		if e.Kind == kind && e.Member == member {
			total++
		}
	}
	return total
}

func liveness(n *Node, id uint32) cluster.Liveness {
	v := n.View()
	if v == nil {
		return cluster.Unknown
	}
	m, _ := v.Member(id)
	return m.Liveness
}

// TestDialledBeforeItKnowsUs: a member whose set, which is newer, does not list the
// dialler yet takes no stream, and the dialler does not take it for up.
func TestDialledBeforeItKnowsUs(t *testing.T) {
	c := newTrial(t, 2)
	one := c.start(1)
	cfg := c.config(2)
	two, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.nodes[2] = two
	newer := *c.set
	newer.Epoch, newer.Members = 2, []config.Member{c.member(2)}
	two.SetMembers(&newer)
	until(t, "member 2 refuses twice", func() bool { return counted(t, two.metrics.outOfTurn) >= 2 })
	if n := count(one, EventPeerUp, 2); n != 0 {
		t.Errorf("member 1 took the member that does not know it for up, %d times", n)
	}
	c.publish(func(s *config.MemberSet) { s.Epoch = 3 }, 1, 2)
	c.settled()
	if n := count(one, EventPeerUp, 2); n != 1 {
		t.Errorf("%d streams, want one", n)
	}
}

// TestRemovedAndAddedAgain: once out of the set nothing is left of a member, so
// that it is not up when it is listed again but does not live.
func TestRemovedAndAddedAgain(t *testing.T) {
	for rule, ids := range map[string][2]uint32{"the dialler is removed": {2, 1}, "the dialled is removed": {1, 2}} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 2)
			c.startAll()
			stays, leaves := ids[0], ids[1]
			without := func(s *config.MemberSet) { s.Members = []config.Member{c.member(stays)} }
			with := func(s *config.MemberSet) { s.Members = []config.Member{c.member(1), c.member(2)} }

			c.publish(without, stays)
			if up(c.nodes[stays], leaves) {
				t.Error("a member that is not listed is up")
			}
			c.publish(with, stays)
			c.settled() // it lives: a new stream

			c.publish(without, stays)
			c.kill(leaves)
			c.publish(with, stays)
			until(t, "the member that does not live is down", func() bool { return liveness(c.nodes[stays], leaves) == cluster.Down })
			c.start(leaves)
			c.settled()
		})
	}
}

// TestMovedMember: the same ID at another address, as a pod that was deleted
// and made again.
func TestMovedMember(t *testing.T) {
	for rule, ids := range map[string][2]uint32{"the dialler moves": {2, 1}, "the dialled moves": {1, 2}} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 2)
			c.startAll()
			bound := bind(c, 20)
			stays, moves := ids[0], ids[1]
			elsewhere := c.member(moves)
			elsewhere.Address = c.prefix + "77"
			move := func(s *config.MemberSet) {
				for i := range s.Members {
					if s.Members[i].ID == moves {
						s.Members[i].Address = elsewhere.Address
					}
				}
			}

			// The set says it first: nothing is there yet, though the old one lives.
			c.publish(move, stays)
			until(t, "nobody at the new address", func() bool { return liveness(c.nodes[stays], moves) == cluster.Down })
			c.kill(moves)
			cfg := c.config(moves)
			cfg.Address = elsewhere.Address
			c.startWith(cfg)
			c.settled()
			for aor, contact := range bound {
				c.wantBound(aor, contact)
			}
			// And back, the member first. A dialler is known by its key and ID.
			c.kill(moves)
			c.publish(func(s *config.MemberSet) { s.Members[moves-1] = c.member(moves) })
			c.start(moves)
			c.nodes[stays].SetMembers(c.set)
			c.settled()
			for aor, contact := range bound {
				c.wantBound(aor, contact)
			}
		})
	}
}

// TestMoveToldLate: the stream of a member that is already at its new address
// stays when the set says so at last.
func TestMoveToldLate(t *testing.T) {
	c := newTrial(t, 2)
	c.startAll()
	c.kill(1)
	until(t, "member 1 is down", func() bool { return !up(c.nodes[2], 1) })
	c.publish(func(s *config.MemberSet) { s.Members[0].Address = c.prefix + "77" })
	cfg := c.config(1)
	cfg.Address = c.prefix + "77"
	c.startWith(cfg) // it has the new set; member 2 gets it from it only
	c.settled()
	until(t, "member 2 has the set", func() bool { return c.nodes[2].View().Epoch == c.set.Epoch })
	if n := count(c.nodes[2], EventPeerUp, 1); n != 2 {
		t.Errorf("%d streams of member 1, want two: before and after it moved", n)
	}
	if l := c.nodes[2].links.to(1); l.dialler.at(l.peer().Address) != net.JoinHostPort(cfg.Address, fmt.Sprint(c.ports.Peer)) {
		t.Errorf("the link is to %s", l.dialler.at(l.peer().Address))
	}
}

// TestNewerSetTravels: who has the older set is given the newer by its peer, if
// somebody has signed it.
func TestNewerSetTravels(t *testing.T) {
	c := newTrial(t, 3)
	c.signer = config.NewKeys()
	c.startAll()
	c.publish(func(s *config.MemberSet) { s.Advertise = "sip.ring.example" }, 2)
	for id, n := range c.nodes {
		until(t, fmt.Sprintf("member %d has the new set", id), func() bool { return n.View().Epoch == c.set.Epoch })
		if a := n.View().Set.Advertise; a != "sip.ring.example" {
			t.Errorf("advertise %q", a)
		}
	}
}

// TestFramesOfTheUser arrive in order, and what cannot be sent says so.
func TestFramesOfTheUser(t *testing.T) {
	c := newTrial(t, 2)
	c.startAll()
	var want []received
	for i := range 100 {
		if err := c.nodes[1].Send(2, KindUser+1, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		want = append(want, received{1, KindUser + 1, fmt.Sprint(i)})
	}
	until(t, "all frames", func() bool { return len(c.inboxes[2].all()) >= len(want) })
	if got := c.inboxes[2].all(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v", got)
	}
	if err := c.nodes[1].Send(3, KindUser, nil); err != ErrNoStream { //nolint:errorlint // the very error
		t.Errorf("to a stranger: %v", err)
	}
	if err := c.nodes[1].Send(2, KindUser, []byte(strings.Repeat("x", maxFrame+1))); err == nil {
		t.Error("a frame that the other must refuse was sent")
	}
	if n := count(c.nodes[1], EventPeerUp, 2); n != 1 {
		t.Errorf("%d streams, want one", n)
	}
}

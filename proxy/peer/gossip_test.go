package peer

import (
	"fmt"
	"maps"
	"strconv"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// gossips tells whether node's gossip knows exactly the members, at their addresses.
func (c *trial) gossips(n *Node, members ...config.Member) bool {
	want := map[uint32]string{}
	for _, m := range members {
		want[m.ID] = m.Address
	}
	return maps.Equal(want, n.gossip.members())
}

// TestGossipFollowsTheMembers through death, return, and return elsewhere under
// the same name, which memberlist by itself takes for a conflict.
func TestGossipFollowsTheMembers(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	one, two, three := c.member(1), c.member(2), c.member(3)
	all := func(members ...config.Member) {
		t.Helper()
		for id, n := range c.nodes {
			until(t, "gossip of member "+strconv.Itoa(int(id)), func() bool { return c.gossips(n, members...) })
		}
	}
	all(one, two, three)

	c.kill(3)
	all(one, two)
	c.start(3)
	all(one, two, three)

	c.kill(3) // and at once elsewhere: the others do not know of the death yet
	three.Address = c.prefix + "77"
	c.publish(func(s *config.MemberSet) { s.Members[2] = three }, 1, 2)
	cfg := c.config(3)
	cfg.Address = three.Address
	c.startWith(cfg)
	all(one, two, three)
	c.settled()
}

// TestGossipNeedsTheKey and the cluster's name.
func TestGossipNeedsTheKey(t *testing.T) {
	for rule, change := range map[string]func(*Config){
		"another key":     func(cfg *Config) { cfg.Keys = config.NewKeys() },
		"another cluster": func(cfg *Config) { cfg.Cluster = "gong" },
	} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 2)
			one := c.start(1)
			cfg := c.config(2)
			change(&cfg)
			two := c.startWith(cfg)
			until(t, "the streams are refused", func() bool { return two.Counters().HandshakesRefused > 0 })
			for _, n := range []*Node{one, two} {
				other := c.member(3 - n.ID())
				if _, err := n.gossip.list.Join([]string{fmt.Sprintf("%s:%d", other.Address, c.ports.Gossip)}); err == nil {
					t.Errorf("member %d joined the gossip of the other", n.ID())
				}
				if !c.gossips(n, c.member(n.ID())) {
					t.Errorf("member %d gossips with the other", n.ID())
				}
			}
		})
	}
}

// TestGossipTightensTheWatch: one that gossip lost is given less time; one that
// it sees is dialled at once.
func TestGossipTightensTheWatch(t *testing.T) {
	c := newTrial(t, 2)
	c.startAll()
	n := c.nodes[1]
	s := n.streamTo(2)
	n.gossipLost(2)
	if !s.suspected.Load() {
		t.Error("the stream of a member that gossip lost is not judged more strictly")
	}
	until(t, "it proves to live", func() bool { return !s.suspected.Load() })
	n.gossipLost(99) // a stranger
	n.gossipSaw(99)
	if n.streamTo(2) != s {
		t.Error("gossip alone broke a stream")
	}
}

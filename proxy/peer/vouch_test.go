package peer

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// TestReadyOnlyWithWhoIsThere: a member that starts and cannot reach another one,
// which others have a stream to, is not ready without it. It is once the others
// have lost it too, or it is reached after all.
func TestReadyOnlyWithWhoIsThere(t *testing.T) {
	const wait = 1000 // ms
	for rule, end := range map[string]func(c *trial, one *Node){
		"until the others lose it": func(c *trial, _ *Node) { c.kill(2) },
		"until it is reached": func(c *trial, one *Node) {
			c.publish(func(*config.MemberSet) {}, 2, 3)
			one.SetMembers(c.set)
		},
	} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 3)
			c.start(2)
			c.start(3)
			until(t, "the others are met", func() bool { return up(c.nodes[2], 3) && up(c.nodes[3], 2) })
			one := c.startCutFrom(2, wait)
			until(t, "it has met member 3", func() bool { return up(one, 3) })
			for began := time.Now(); time.Since(began) < 3*wait*time.Millisecond; time.Sleep(time.Millisecond) {
				if ready, _ := one.Ready(); ready {
					t.Fatalf("ready after %v without member 2, which member 3 has", time.Since(began))
				}
			}
			end(c, one)
			until(t, "it is ready", func() bool { ready, _ := one.Ready(); return ready })
		})
	}
}

// startCutFrom starts member 1, for which another's port takes connections and
// says nothing.
func (c *trial) startCutFrom(id uint32, wait int64) *Node {
	c.t.Helper()
	silent := c.member(id)
	silent.Address = c.prefix + "77"
	l, err := net.Listen("tcp", net.JoinHostPort(silent.Address, strconv.Itoa(c.ports.Peer)))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = l.Close() })
	cfg := c.config(1)
	cfg.unknownWait = wait
	n, err := Start(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[1] = n
	cut := *c.set
	cut.Members = append([]config.Member(nil), c.set.Members...)
	cut.Members[id-1] = silent
	n.SetMembers(&cut)
	return n
}

// TestAwaitedMembersAreRead: what is no list of members is counted, and says nothing.
func TestAwaitedMembersAreRead(t *testing.T) {
	for name, payload := range map[string][]byte{
		"nothing": nil, "a part of one": {0, 0, 0}, "more than a set has": make([]byte, 4*maxAwaited+4),
	} {
		if eachAwaited(payload, func(uint32) { t.Errorf("%s: a member is read", name) }) {
			t.Errorf("%s: read", name)
		}
	}
	var got []uint32
	if !eachAwaited([]byte{0, 0, 0, 7, 0, 0, 1, 0}, func(id uint32) { got = append(got, id) }) || len(got) != 2 || got[0] != 7 || got[1] != 256 {
		t.Errorf("read %v", got)
	}
}

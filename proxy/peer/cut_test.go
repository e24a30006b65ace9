package peer

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// network is that between the members of a trial, which can be cut: what is on its
// way from one side to the other is lost then, ends of connections too.
type network struct {
	c *trial

	mu      sync.Mutex
	changed *sync.Cond
	side    map[string]int // by address; nil: it is whole
	ended   []net.Conn     // while it was cut
}

// onNetwork has the members that are started meet over one.
func (c *trial) onNetwork() *network {
	c.network = &network{c: c}
	c.network.changed = sync.NewCond(&c.network.mu)
	c.t.Cleanup(c.network.heal)
	return c.network
}

// cut parts the members of each side from all others; who is named nowhere is on one
// side with the others like it.
func (n *network) cut(sides ...[]uint32) (at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.side = map[string]int{}
	for i, side := range sides {
		for _, id := range side {
			n.side[n.c.member(id).Address] = i + 1
		}
	}
	return time.Now()
}

// unreached is how many members one is cut off from.
func (n *network) unreached(id uint32) (far int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for other := range n.c.nodes {
		if n.side[n.c.member(other).Address] != n.side[n.c.member(id).Address] {
			far++
		}
	}
	return far
}

// heal makes it whole: what was ended meanwhile is seen to be.
func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.side = nil
	n.changed.Broadcast()
	for _, conn := range n.ended {
		_ = conn.Close()
	}
	n.ended = nil
}

// wire is Config.wire.
func (n *network) wire(conn net.Conn) net.Conn { return &passage{Conn: conn, network: n} }

// passage is a connection from one member to another. Its state is guarded by that
// of the network.
type passage struct {
	net.Conn
	network *network
	closed  bool
}

func (p *passage) side(a net.Addr) int {
	tcp, _ := a.(*net.TCPAddr)
	return p.network.side[tcp.IP.String()]
}

// cut tells whether nothing passes.
func (p *passage) cut() bool { return p.side(p.LocalAddr()) != p.side(p.RemoteAddr()) }

func (p *passage) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.network.mu.Lock()
	defer p.network.mu.Unlock()
	for p.cut() {
		if p.closed || errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, os.ErrDeadlineExceeded
		}
		p.network.changed.Wait() // what came is lost
	}
	return n, err
}

func (p *passage) Write(b []byte) (int, error) {
	p.network.mu.Lock()
	cut := p.cut()
	p.network.mu.Unlock()
	if cut {
		return len(b), nil
	}
	return p.Conn.Write(b)
}

func (p *passage) Close() error {
	p.network.mu.Lock()
	defer p.network.mu.Unlock()
	p.closed = true
	p.network.changed.Broadcast()
	if !p.cut() {
		return p.Conn.Close()
	}
	p.network.ended = append(p.network.ended, p.Conn)
	return p.SetDeadline(time.Unix(1, 0))
}

// TestLossBeginsWithTheLastWord of the member: silence is noticed only later, the end
// of a process at once.
func TestLossBeginsWithTheLastWord(t *testing.T) {
	for rule, tt := range map[string]struct {
		lose func(c *trial, n *network) time.Time
		more time.Duration // that may be counted, from before the fault
	}{
		"cut off": {func(_ *trial, n *network) time.Time { return n.cut([]uint32{2}) }, 2 * heartbeat},
		"killed":  {func(c *trial, _ *network) time.Time { at := time.Now(); c.kill(2); return at }, 0},
	} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 3)
			network := c.onNetwork()
			c.startAll()
			until(t, "member 2 has not spoken for a moment", func() bool {
				return time.Since(c.nodes[1].links.to(2).lastHeard()) > heartbeat/3 && time.Since(c.nodes[3].links.to(2).lastHeard()) > heartbeat/3
			})
			at := tt.lose(c, network)
			for _, id := range []uint32{1, 3} {
				n := c.nodes[id]
				until(t, "the failover", func() bool { return len(n.Report().Failovers) == 1 })
				var out, heard time.Duration
				for _, e := range n.Events(0) {
					switch when := time.Unix(0, e.UnixNano).Sub(at); {
					case e.Kind == EventPeerLost:
						heard = time.Unix(0, e.LastHeard).Sub(at)
					case e.Kind == EventRingChanged && when > 0 && out == 0:
						out = when
					}
				}
				const clocks = silence / 3 // the wall's against this one, on a busy machine: what is noticed late is off by a silence
				if heard < -tt.more-clocks || heard > clocks {
					t.Errorf("member %d heard of it last %v after the fault", id, heard)
				}
				took := time.Duration(n.Report().Failovers[0].Milliseconds) * time.Millisecond
				if d := took - (out - heard); d.Abs() > clocks {
					t.Errorf("member %d: loss to ring %v, the ring came %v after the fault, and the last word %v", id, took, out, heard)
				}
			}
		})
	}
}

package peer

import (
	"fmt"
	"net"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// setKeys gives a running member other keys.
func (c *trial) setKeys(id uint32, keys ...config.Key) {
	c.t.Helper()
	if err := c.nodes[id].SetKeys(&config.Keys{Keys: keys}); err != nil {
		c.t.Fatal(err)
	}
}

func freshKey(id uint8) config.Key {
	k := config.NewKeys().Keys[0]
	k.ID = id
	return k
}

// TestKeysAreFollowed takes running members through a rotation, one after the
// other in every step: nobody is taken for dead, and nothing waits.
func TestKeysAreFollowed(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	old, fresh := c.keys.Keys[0], freshKey(2)
	cseq := uint32(1)
	for i, step := range [][]config.Key{{old, fresh}, {fresh, old}, {fresh}} {
		for _, m := range c.set.Members {
			c.setKeys(m.ID, step...)
			c.settled()
			for via := range c.nodes {
				if status := c.register(via, "sip:bob@ring.example", "sip:bob@192.0.2.1", cseq); status != 200 {
					t.Errorf("step %d, member %d changed: register at member %d: %d", i, m.ID, via, status)
				}
				cseq++
			}
		}
	}
	c.wantBound("sip:bob@ring.example", "sip:bob@192.0.2.1")
	for id, n := range c.nodes {
		if lost := counted(t, n.metrics.losses); lost != 0 {
			t.Errorf("member %d took others for dead %d times", id, lost)
		}
	}
	c.kill(3) // and one that begins with the new key alone comes in
	cfg := c.config(3)
	cfg.Keys = &config.Keys{Keys: []config.Key{fresh}}
	c.startWith(cfg)
	c.settled()
}

// TestKeysThatAreReplacedAtOnce part the members only until the last has them.
func TestKeysThatAreReplacedAtOnce(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	if status := c.register(1, "sip:bob@ring.example", "sip:bob@192.0.2.1", 1); status != 200 {
		t.Fatal(status)
	}
	fresh := freshKey(1) // of the same number, too
	for _, m := range c.set.Members {
		c.setKeys(m.ID, fresh)
	}
	c.settled()
	c.wantBound("sip:bob@ring.example", "sip:bob@192.0.2.1")
}

// TestKeyThatIsGoneEndsItsStreams: who came in with a leaked key does not stay.
func TestKeyThatIsGoneEndsItsStreams(t *testing.T) {
	c := newTrial(t, 3)
	two := c.start(2)
	leaked, fresh := c.keys.Keys[0], freshKey(2)
	c.setKeys(2, fresh, leaked)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.prefix + "200")}}
	raw, err := d.Dial("tcp", net.JoinHostPort(c.member(2).Address, fmt.Sprint(c.ports.Peer)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	i := &intruder{t, c, raw}
	conn := i.secure(c.keys)
	self := hello{Version: protocolVersion, Cluster: "ring", ID: 1, Name: "ring-0", Incarnation: 7}
	if err := sendHello(conn, &self); err != nil {
		t.Fatal(err)
	}
	if _, err := readHello(conn, &self); err != nil {
		t.Fatalf("a key that is in force is refused: %v", err)
	}
	_, _ = conn.Write(appendPing(nil, 1))
	until(t, "it is in", func() bool { return up(two, 1) })
	c.setKeys(2, fresh)
	until(t, "it is out", func() bool { return !up(two, 1) })
	i.ended(raw)
}

func TestSetKeysRefusesNone(t *testing.T) {
	c := newTrial(t, 2)
	c.startAll()
	if err := c.nodes[1].SetKeys(&config.Keys{}); err == nil {
		t.Error("no keys are taken")
	}
	c.settled()
}

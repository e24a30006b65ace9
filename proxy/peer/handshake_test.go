package peer

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// intruder dials member 1 of a trial as member 0 of its own making.
type intruder struct {
	t    *testing.T
	c    *trial
	conn net.Conn
}

// intrude connects by TCP from an address that no member has.
func (c *trial) intrude(t *testing.T) *intruder {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.prefix + "200")}, Timeout: patient}
	conn, err := d.Dial("tcp", net.JoinHostPort(c.member(1).Address, fmt.Sprint(c.ports.Peer)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &intruder{t, c, conn}
}

// secure speaks TLS with the identity of the keys.
func (i *intruder) secure(keys *config.Keys) *tls.Conn {
	i.t.Helper()
	id, err := newIdentity(keys)
	if err != nil {
		i.t.Fatal(err)
	}
	cfg := id.config()
	cfg.VerifyConnection = nil // whoever answers
	return tls.Client(i.conn, cfg)
}

// ended waits until the other side has closed, having said nothing but TLS.
func (i *intruder) ended(conn net.Conn) {
	i.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patient))
	b, err := io.ReadAll(conn)
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		i.t.Fatal("the connection stays open")
	}
	if bytes.Contains(b, []byte("incarnation")) {
		i.t.Errorf("it was told %q", b)
	}
}

func helloFrame(h hello) []byte {
	b, _ := json.Marshal(h) // plain fields
	return appendFrame(nil, kindHello, b)
}

// TestHandshakeRefuses whoever does not prove to be a member to be taken, tells
// him nothing, counts him, and goes on serving the members.
func TestHandshakeRefuses(t *testing.T) {
	good := hello{Version: protocolVersion, Cluster: "ring", ID: 3, Name: "ring-2", Incarnation: 7}
	change := func(f func(*hello)) []byte {
		h := good
		f(&h)
		return helloFrame(h)
	}
	plain := func(b []byte) func(*intruder) net.Conn {
		return func(i *intruder) net.Conn {
			_, _ = i.conn.Write(b)
			return i.conn
		}
	}
	inside := func(b []byte) func(*intruder) net.Conn {
		return func(i *intruder) net.Conn {
			conn := i.secure(i.c.keys)
			_, _ = conn.Write(b)
			return conn
		}
	}
	for rule, act := range map[string]func(*intruder) net.Conn{
		"says nothing":                plain(nil),
		"stops amid TLS' first words": plain([]byte{22, 3, 1, 2, 0, 1}),
		"does not speak TLS":          plain([]byte("REGISTER sip:ring.example SIP/2.0\r\n\r\n")),
		"goes away at once":           func(i *intruder) net.Conn { _ = i.conn.(*net.TCPConn).CloseWrite(); return i.conn },
		"has another key": func(i *intruder) net.Conn {
			conn := i.secure(config.NewKeys())
			_, _ = conn.Write(helloFrame(good))
			return conn
		},
		"has no certificate": func(i *intruder) net.Conn {
			conn := tls.Client(i.conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"sipring-peer/1"}})
			_, _ = conn.Write(helloFrame(good))
			return conn
		},
		"speaks an older TLS": func(i *intruder) net.Conn {
			conn := tls.Client(i.conn, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
			_ = conn.Handshake()
			return i.conn
		},
		"says nothing inside":         inside(nil),
		"stops amid its hello":        inside(helloFrame(good)[:9]),
		"promises a frame too long":   inside([]byte{kindHello, 0, 0, 0x10, 1}),
		"begins with something else":  inside(appendPing(nil, 1)),
		"says hello in no JSON":       inside(appendFrame(nil, kindHello, []byte("hello"))),
		"says hello in too deep JSON": inside(appendFrame(nil, kindHello, []byte(strings.Repeat("[", maxHello)))),
		"belongs to another cluster":  inside(change(func(h *hello) { h.Cluster = "gong" })),
		"speaks another version":      inside(change(func(h *hello) { h.Version++ })),
		"claims to be this member":    inside(change(func(h *hello) { h.ID = 1 })),
		"has no id":                   inside(change(func(h *hello) { h.ID = 0 })),
		"has no incarnation":          inside(change(func(h *hello) { h.Incarnation = 0 })),
		"is not listed":               inside(change(func(h *hello) { h.ID = 99 })),
		"is not the one that dials":   inside(helloFrame(good)),
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			c := newTrial(t, 3)
			one := c.start(1)
			i := c.intrude(t)
			conn := act(i)
			i.ended(conn)
			kind := one.metrics.unproved
			if rule == "is not listed" || rule == "is not the one that dials" {
				kind = one.metrics.outOfTurn
			}
			until(t, "it is counted", func() bool { return counted(t, kind) > 0 })
			c.start(2)
			until(t, "a member comes in", func() bool { return up(one, 2) })
			if up(one, 3) {
				t.Error("the intruder is up")
			}
		})
	}
}

// TestUnconfirmedStreamIsNotTakenUp: of a dialler that died between its hello
// and ours nothing is taken over.
func TestUnconfirmedStreamIsNotTakenUp(t *testing.T) {
	for rule, after := range map[string][]byte{
		"it ends":                     nil,
		"it goes on without a ping":   appendFrame(nil, kindCluster, []byte("xxxx")),
		"it confirms with a long one": {kindPing, 0, 1, 0, 0},
	} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 3)
			two := c.start(2)
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.prefix + "200")}}
			raw, err := d.Dial("tcp", net.JoinHostPort(c.member(2).Address, fmt.Sprint(c.ports.Peer)))
			if err != nil {
				t.Fatal(err)
			}
			i := &intruder{t, c, raw}
			conn := i.secure(c.keys)
			self := hello{Version: protocolVersion, Cluster: "ring", ID: 1, Name: "ring-0", Incarnation: 7}
			if err := sendHello(conn, &self); err != nil {
				t.Fatal(err)
			}
			if _, err := readHello(conn, &self); err != nil {
				t.Fatalf("a member is not answered: %v", err)
			}
			_, _ = conn.Write(after)
			_ = raw.Close()
			until(t, "it is counted", func() bool { return counted(t, two.metrics.unproved) > 0 })
			if n := count(two, EventPeerUp, 1); n != 0 {
				t.Error("it was taken up")
			}
		})
	}
}

// TestKeysRotate: members come over to a new key one after the other, as both
// are in force meanwhile.
func TestKeysRotate(t *testing.T) {
	c := newTrial(t, 2)
	old, fresh := c.keys.Keys[0], config.NewKeys().Keys[0]
	fresh.ID = 2
	rounds := [][2][]config.Key{
		{{old}, {old, fresh}},        // member 2 knows the new key
		{{fresh, old}, {old, fresh}}, // member 1 uses it
		{{fresh, old}, {fresh}},      // member 2 knows the new only
	}
	for _, keys := range rounds {
		for id, k := range keys {
			cfg := c.config(uint32(id + 1))
			cfg.Keys = &config.Keys{Keys: k}
			c.startWith(cfg)
		}
		c.settled()
		c.kill(1)
		c.kill(2)
	}
}

// TestStartRefuses what cannot work, and leaves nothing behind.
func TestStartRefuses(t *testing.T) {
	c := newTrial(t, 1)
	for rule, change := range map[string]func(*Config){
		"no keys":               func(cfg *Config) { cfg.Keys = nil },
		"an empty list of keys": func(cfg *Config) { cfg.Keys = &config.Keys{} },
		"no id":                 func(cfg *Config) { cfg.ID = 0 },
		"no address":            func(cfg *Config) { cfg.Address = "" },
		"no handler":            func(cfg *Config) { cfg.Handler = nil },
		"an address of others":  func(cfg *Config) { cfg.Address = "192.0.2.1" },
		"a port out of range":   func(cfg *Config) { cfg.Ports.Peer = 70000 },
	} {
		cfg := c.config(1)
		change(&cfg)
		if n, err := Start(cfg); err == nil {
			n.Close()
			t.Errorf("%s: started", rule)
		}
	}
	c.start(1) // the ports are free
	n, err := Start(c.config(1))
	if err == nil {
		n.Close()
		t.Fatal("started twice on the same port")
	}
	if !strings.Contains(err.Error(), "ports.peer") || !strings.Contains(err.Error(), strconv.Itoa(c.ports.Peer)) {
		t.Errorf("%q does not name the port", err)
	}
}

// FuzzHello: what a peer says first neither panics nor passes unless all of it
// fits.
func FuzzHello(f *testing.F) {
	good := hello{Version: protocolVersion, Cluster: "ring", ID: 3, Name: "ring-2", Incarnation: 7}
	f.Add(helloFrame(good))
	f.Add(appendFrame(nil, kindHello, []byte(`{"version":1,"cluster":"ring","id":3,"incarnation":18446744073709551616}`)))
	f.Add([]byte{kindHello, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, in []byte) {
		self := &hello{Version: protocolVersion, Cluster: "ring", ID: 1, Incarnation: 1}
		h, err := readHello(readConn{r: bytes.NewReader(in)}, self)
		if err == nil && (h.ID == 0 || h.ID == self.ID || h.Incarnation == 0 || h.Cluster != self.Cluster || len(h.Name) > maxHello) {
			t.Fatalf("%+v passed", h)
		}
	})
}

type readConn struct {
	net.Conn
	r io.Reader
}

func (c readConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// FuzzDeliver: no frame of a peer, though it proved itself, does harm.
func FuzzDeliver(f *testing.F) {
	c := newTrial(f, 2)
	n := c.start(1)
	set, _ := c.set.Marshal()
	for _, seed := range []struct {
		kind    uint8
		payload []byte
	}{
		{kindPing, []byte{0, 0, 0, 0, 0, 0, 0, 9}},
		{kindState, []byte{3}},
		{kindMissed, []byte{0, 0, 0, 0, 0, 0, 0, 1}},
		{kindMembers, set},
		{kindMembers, []byte(`{"epoch":1}`)},
		{kindCluster, bytes.Repeat([]byte{1}, 40)},
		{KindUser, []byte("SIP/2.0")},
		{kindHello, nil},
		{kindLocate, append([]byte{0, 0, 0, 0, 0, 16, 0, 1}, "sip:a@192.0.2.1"...)},
		{kindLocate, bytes.Repeat([]byte("a"), 8+cluster.MaxLocateURI+1)},
		{kindLocated, cluster.AppendAnswer(nil, 1, cluster.Found, []byte("sip:a@b"))},
		{kindAwaited, []byte{0, 0, 0, 2, 0, 0, 0, 9}},
		{kindAwaited, make([]byte, 4*maxAwaited+4)},
		{kindVouched, []byte{0, 0, 0, 2, 0}},
		{kindAway, nil},
	} {
		f.Add(seed.kind, seed.payload)
	}
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		s := newStream(&quietConn{closed: make(chan struct{})}, hello{ID: 2, Incarnation: 7}, n.view.epoch, often)
		if l := n.links.to(2); l != nil { // still listed: the stream is the member's
			l.mu.Lock()
			l.cur = s
			l.mu.Unlock()
			n.membership.peerUp(l, s)
		}
		before := n.View()
		n.delivery.deliver(2, s, kind, payload)
		after := n.View()
		if after.Epoch < before.Epoch {
			t.Fatalf("epoch fell from %d to %d", before.Epoch, after.Epoch)
		}
		if after.Epoch > before.Epoch && (kind != kindMembers || !slices.IsSortedFunc(after.Members, func(a, b cluster.MemberView) int { return int(a.ID) - int(b.ID) })) {
			t.Fatalf("kind %d changed the set", kind)
		}
	})
}

package peer

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// comeInWithin is how soon a member must be in whatever others do to the port, on
// a machine that does nothing else.
const comeInWithin = 3 * time.Second

// flood has many callers at a member's peer port, each of which does the same
// again and again until the test ends.
type flood struct {
	stop  chan struct{}
	done  sync.WaitGroup
	calls atomic.Int64
}

func (c *trial) flood(from string, to uint32, callers int, act func(net.Conn)) *flood {
	f := &flood{stop: make(chan struct{})}
	target := net.JoinHostPort(c.member(to).Address, strconv.Itoa(c.ports.Peer))
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patient}
	for range callers {
		f.done.Go(func() {
			for {
				select {
				case <-f.stop:
					return
				default:
				}
				conn, err := d.Dial("tcp", target)
				if err != nil {
					continue
				}
				gone := make(chan struct{})
				go func() {
					select {
					case <-f.stop:
					case <-gone:
					}
					_ = conn.Close()
				}()
				act(conn)
				close(gone)
				f.calls.Add(1)
			}
		})
	}
	return f
}

func (f *flood) end() {
	close(f.stop)
	f.done.Wait()
}

// wait is a caller that says what it says, and then nothing until it is thrown out.
func wait(first ...byte) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Write(first)
		_, _ = conn.Read(make([]byte, 1))
	}
}

// shakeHands is a caller that speaks TLS without a key of the cluster.
func shakeHands(t *testing.T, completed *atomic.Int64) func(net.Conn) {
	id, err := newIdentity(config.NewKeys())
	if err != nil {
		t.Fatal(err)
	}
	cfg := id.config()
	cfg.VerifyConnection = nil
	return func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if tls.Client(conn, cfg).Handshake() == nil {
			completed.Add(1)
		}
	}
}

// TestNobodyKeepsAMemberOut: not with connections that say nothing, and not with
// handshakes, from wherever: what they hold and cost is bounded, and who holds a
// key of the cluster comes in.
func TestNobodyKeepsAMemberOut(t *testing.T) {
	hello := []byte{22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0} // a first message of 64 KiB, in a record of 16
	for name, c := range map[string]struct {
		from       uint32
		handshakes bool
		first      []byte
	}{
		"silent, a stranger":                      {from: 200},
		"silent, at another member's address":     {from: 3},
		"silent, at the member's own address":     {from: 1},
		"a long hello, a stranger":                {from: 200, first: append(hello, make([]byte, 64<<10)...)},
		"a long hello, at the member's own":       {from: 1, first: append(hello, make([]byte, 64<<10)...)},
		"handshakes, a stranger":                  {from: 200, handshakes: true},
		"handshakes, at the member's own address": {from: 1, handshakes: true},
	} {
		t.Run(name, func(t *testing.T) {
			trial := newTrial(t, 3)
			two := trial.start(2)
			heap := heapInUse()
			var completed atomic.Int64
			act, callers := wait(c.first...), 200
			if c.handshakes {
				act, callers = shakeHands(t, &completed), 12
			}
			began := time.Now()
			f := trial.flood(trial.member(c.from).Address, 2, callers, act)
			until(t, "the port is busy", func() bool {
				return f.calls.Load() > 100 || two.door.members.Dropped()+two.door.strangers.Dropped() > 100 || c.handshakes && time.Since(began) > time.Second
			})
			grown := heapInUse() - heap
			started, stalled := time.Now(), stallClock(t)
			one := trial.start(1)
			until(t, "the member is in", func() bool { return up(one, 2) && up(two, 1) })
			if took := time.Since(started) - stalled(); took > comeInWithin {
				t.Errorf("in after %v, want at most %v", took, comeInWithin)
			}
			f.end()
			if held := two.door.members.Len() + two.door.strangers.Len(); held > memberPlaces.Total+strangerPlaces.Total {
				t.Errorf("%d connections held", held)
			}
			if most := int64(memberPlaces.PerSource+strangerPlaces.PerSource) * 3 * maxHandshake; grown > most {
				t.Errorf("they take %d bytes, want at most %d", grown, most)
			}
			seconds := int64(time.Since(began)/time.Second) + 1
			if most := int64(memberRate.Burst) + int64(memberRate.Rate)*seconds; completed.Load() > most {
				t.Errorf("%d handshakes were made, want at most %d", completed.Load(), most)
			}
		})
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestFirstWordsAreBounded: a caller that has proved nothing is read so far and no
// further.
func TestFirstWordsAreBounded(t *testing.T) {
	c := newTrial(t, 2)
	c.start(1)
	i := c.intrude(t)
	conn := i.conn.(*net.TCPConn)
	_ = conn.SetWriteBuffer(4 << 10)
	_ = conn.SetDeadline(time.Now().Add(patient))
	sent := 0
	record := append([]byte{22, 3, 1, 1, 0}, make([]byte, 256)...)
	copy(record[5:], []byte{1, 0, 0xff, 0xf0}) // of a message of 64 KiB
	for {
		n, err := conn.Write(record)
		sent += n
		if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
			t.Fatal("the connection stays open")
		}
		if err != nil {
			break
		}
		clear(record[5:])
	}
	if sent > 8<<20 {
		t.Errorf("%d bytes were taken", sent)
	}
}

// TestProofIsOfItsConnection and of a key in force, for a time.
func TestProofIsOfItsConnection(t *testing.T) {
	end := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	keys, other := config.NewKeys(), config.NewKeys()
	id := func(keys ...config.Key) *identity {
		id, err := newIdentity(&config.Keys{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	ours := id(keys.Keys[0])
	now, from, to := time.Now(), end("192.0.2.1:40000"), end("192.0.2.2:7947")
	proof := ours.prove(now, from, to)
	for name, c := range map[string]struct {
		by       *identity
		proof    string
		at       time.Time
		from, to net.Addr
		want     bool
	}{
		"as it was made":            {ours, proof, now, from, to, true},
		"from another port":         {ours, proof, now, end("192.0.2.1:40001"), to, true},
		"in IPv6's form":            {ours, proof, now, end("[::ffff:192.0.2.1]:40000"), to, true},
		"as late as may be":         {ours, proof, now.Add(proofAge - time.Second), from, to, true},
		"too late":                  {ours, proof, now.Add(proofAge + time.Second), from, to, false},
		"from the future":           {ours, proof, now.Add(-proofAge - 2*time.Second), from, to, false},
		"from another address":      {ours, proof, now, end("192.0.2.3:40000"), to, false},
		"to another address":        {ours, proof, now, from, end("192.0.2.3:7947"), false},
		"the wrong way round":       {ours, proof, now, to, from, false},
		"of another key":            {id(other.Keys[0]), proof, now, from, to, false},
		"of the key before":         {id(other.Keys[0], keys.Keys[0]), proof, now, from, to, true},
		"with another time":         {ours, "0" + string(proof[1]^1) + proof[2:], now, from, to, false},
		"cut off":                   {ours, proof[:len(proof)-len(proofSuffix)-2] + proofSuffix, now, from, to, false},
		"no proof":                  {ours, "example.com", now, from, to, false},
		"nothing":                   {ours, "", now, from, to, false},
		"with something else in it": {ours, "x" + proof[1:], now, from, to, false},
	} {
		if _, got := c.by.proved(c.proof, c.at, c.from, c.to); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestProofIsGoodOnce, for as many as are remembered.
func TestProofIsGoodOnce(t *testing.T) {
	var o once
	head := func(i int) (h [proofHead]byte) {
		binary.BigEndian.PutUint64(h[8:], uint64(i))
		return h
	}
	for i := range 3 * maxProofs {
		if !o.first(head(i)) {
			t.Fatalf("proof %d was not given before", i)
		}
		if o.first(head(i)) || o.first(head(max(0, i-maxProofs+1))) {
			t.Fatalf("proof %d or the oldest that is remembered counts again", i)
		}
	}
	if len(o.given) != maxProofs || len(o.order) != maxProofs {
		t.Errorf("%d remembered, want %d", len(o.given), maxProofs)
	}
}

// FuzzProof: no server name but the proof passes.
func FuzzProof(f *testing.F) {
	id, err := newIdentity(config.NewKeys())
	if err != nil {
		f.Fatal(err)
	}
	now, from, to := time.Now(), &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2)}
	proof := id.prove(now, from, to)
	f.Add(proof[1:])
	f.Add(proof[:len(proof)-1])
	f.Add("." + proofSuffix)
	f.Fuzz(func(t *testing.T, name string) {
		if _, ok := id.proved(name, now, from, to); ok && !strings.EqualFold(name, proof) {
			t.Errorf("%q passed", name)
		}
	})
}

package peer

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestBeatGrowsWithTheCluster(t *testing.T) {
	for peers, want := range map[int]time.Duration{
		0: heartbeat, 2: heartbeat, 60: heartbeat, 99: 247500 * time.Microsecond, 299: 747500 * time.Microsecond, 100_000: maxBeat,
	} {
		if got := beatFor(peers); got != want {
			t.Errorf("%d peers: %v, want %v", peers, got, want)
		}
		if got := silenceFor(beatFor(peers)); peers <= 60 && got != silence {
			t.Errorf("%d peers: silence of %v, want %v", peers, got, silence)
		}
	}
}

// pair is two ends of a stream, whose members ping at different intervals. It
// returns the pings that the first sends.
type pair struct {
	one, two *stream
	mu       sync.Mutex
	pings    []int // lengths
	readers  sync.WaitGroup
}

func newPair(oneBeat, twoBeat time.Duration, oneReads, twoReads bool) *pair {
	a, b := net.Pipe()
	epoch := func() uint64 { return 1 }
	p := &pair{
		one: newStream(a, hello{Beats: twoReads}, epoch, func() time.Duration { return oneBeat }),
		two: newStream(b, hello{Beats: oneReads}, epoch, func() time.Duration { return twoBeat }),
	}
	p.one.run()
	p.two.run()
	p.readers.Go(func() { p.one.read(func(_ uint8, b []byte) { p.one.pinged(b) }) })
	p.readers.Go(func() {
		p.two.read(func(_ uint8, b []byte) {
			p.two.pinged(b)
			p.mu.Lock()
			p.pings = append(p.pings, len(b))
			p.mu.Unlock()
		})
	})
	return p
}

func (p *pair) end() {
	p.one.fail(io.EOF)
	p.two.fail(io.EOF)
	p.one.wait()
	p.two.wait()
	p.readers.Wait()
}

// TestEachGoesByTheBeatItIsTold: members whose sets differ in size, and versions
// that do not tell of it, keep a stream that is quiet but for pings.
func TestEachGoesByTheBeatItIsTold(t *testing.T) {
	const slow = 750 * time.Millisecond
	for name, c := range map[string]struct {
		oneBeat, twoBeat   time.Duration
		oneReads, twoReads bool
		length             int
		most               int // pings in ten seconds
	}{
		"both small":                     {heartbeat, heartbeat, true, true, longPing, 67},
		"both large":                     {slow, slow, true, true, longPing, 15},
		"a large set and a small one":    {slow, heartbeat, true, true, longPing, 15},
		"a small set and a large one":    {heartbeat, slow, true, true, longPing, 67},
		"the other reads short ones":     {slow, heartbeat, true, false, shortPing, 67},
		"this one reads short ones only": {slow, slow, false, true, longPing, 15},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(c.oneBeat, c.twoBeat, c.oneReads, c.twoReads)
				time.Sleep(10 * time.Second) // the test's clock
				if p.one.cause() != nil || p.two.cause() != nil {
					t.Errorf("broken: %v, %v", p.one.cause(), p.two.cause())
				}
				p.end()
				if n := len(p.pings); n > c.most || n < c.most*9/10 || p.pings[0] != c.length {
					t.Errorf("%d pings in ten seconds, want %d; the first has %d bytes, want %d", n, c.most, p.pings[0], c.length)
				}
			})
		})
	}
}

// TestSilenceGrowsWithThePeersBeat: what a large cluster's member may take longer
// for, and that nobody can have us wait for ever.
func TestSilenceGrowsWithThePeersBeat(t *testing.T) {
	for name, c := range map[string]struct {
		told        time.Duration
		least, most time.Duration
	}{
		"of 100 members":     {250 * time.Millisecond, 900 * time.Millisecond, 900*time.Millisecond + 2*heartbeat},
		"of 300 members":     {750 * time.Millisecond, 1900 * time.Millisecond, 1900*time.Millisecond + 2*heartbeat},
		"who tells nonsense": {time.Hour, silenceFor(maxBeat), silenceFor(maxBeat) + 2*heartbeat},
		"who tells nothing":  {0, silence, silence + 2*heartbeat},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := &quietConn{closed: make(chan struct{})}
				s := newStream(conn, hello{}, func() uint64 { return 1 }, often)
				teller := newStream(conn, hello{Beats: true}, func() uint64 { return 1 }, often)
				teller.ping(c.told)
				if _, ok := s.pinged(teller.pending[frameHeader:]); !ok {
					t.Fatal("the ping is not read")
				}
				began := time.Now()
				s.run()
				<-s.done
				if took := time.Since(began); took < c.least || took > c.most || !errors.Is(s.cause(), errSilence) {
					t.Errorf("broken after %v with %v, want %v to %v", took, s.cause(), c.least, c.most)
				}
				s.wait()
			})
		})
	}
}

// TestIdleStreamsAreSmall, also after a burst: a member of a large cluster has
// hundreds.
func TestIdleStreamsAreSmall(t *testing.T) {
	const streams, most = 50, 24 << 10 // bytes for both ends
	burst := make([]byte, 512<<10)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools let go at the second
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var pairs []*pair
	for range streams {
		p := newPair(heartbeat, heartbeat, true, true)
		pairs = append(pairs, p)
		if err := p.one.append(kindCluster, burst); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range pairs { // pings follow the burst both ways
		until(t, "it is read, and pings after it", func() bool { return p.two.reads.Load() >= 4 && p.one.reads.Load() >= 4 })
	}
	if each := (int64(heap()) - int64(before)) / streams; each > most {
		t.Errorf("a stream takes %d bytes, want at most %d", each, most)
	}
	for _, p := range pairs {
		p.end()
	}
}

// TestClocksAreCompared: by those who both do, within bounds whatever a peer says;
// one of the version before gets the ping that it can read.
func TestClocksAreCompared(t *testing.T) {
	for name, c := range map[string]struct {
		reads  hello
		ahead  time.Duration // of the teller
		length int
		want   time.Duration
	}{
		"ahead":                      {hello{Beats: true, Clocks: true}, 5 * time.Second, timedPing, 5 * time.Second},
		"behind":                     {hello{Beats: true, Clocks: true}, -time.Hour, timedPing, -time.Hour},
		"nonsense":                   {hello{Beats: true, Clocks: true}, 250 * 365 * 24 * time.Hour, timedPing, maxAhead * time.Millisecond},
		"of the version before":      {hello{Beats: true}, 5 * time.Second, longPing, 0},
		"of the first one there was": {hello{}, 5 * time.Second, shortPing, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := newStream(nil, hello{}, func() uint64 { return 1 }, often)
				teller := newStream(nil, c.reads, func() uint64 { return 1 }, often)
				teller.ping(heartbeat)
				ping := teller.pending[frameHeader:]
				if len(ping) == timedPing {
					binary.BigEndian.PutUint64(ping[longPing:], uint64(time.Now().Add(c.ahead).UnixMilli()))
				}
				if _, ok := told.pinged(ping); !ok || len(ping) != c.length {
					t.Fatalf("%d bytes, read: %t", len(ping), ok)
				}
				if ahead := time.Duration(told.ahead.Load()) * time.Millisecond; ahead != c.want {
					t.Errorf("ahead by %v, want %v", ahead, c.want)
				}
			})
		})
	}
}

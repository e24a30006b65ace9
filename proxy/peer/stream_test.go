package peer

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// quietConn is a connection on which nothing comes and, while stuck, nothing goes.
type quietConn struct {
	net.Conn
	closed chan struct{}
	stuck  bool
}

func (c *quietConn) Read([]byte) (int, error) {
	<-c.closed
	return 0, net.ErrClosed
}

func (c *quietConn) Write(b []byte) (int, error) {
	if c.stuck {
		<-c.closed
		return 0, net.ErrClosed
	}
	return len(b), nil
}

func (c *quietConn) Close() error                     { close(c.closed); return nil }
func (c *quietConn) SetWriteDeadline(time.Time) error { return nil }

// TestSilenceBreaksAStream by the clock of the test.
func TestSilenceBreaksAStream(t *testing.T) {
	for rule, c := range map[string]struct {
		stuck bool
	}{
		"a peer that says nothing":         {false},
		"a peer that takes nothing either": {true},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(&quietConn{closed: make(chan struct{}), stuck: c.stuck}, hello{}, func() uint64 { return 1 }, often)
				began := time.Now()
				s.run()
				<-s.done
				if took := time.Since(began); took < silence || took > silence+2*heartbeat {
					t.Errorf("broken after %v, want %v to %v", took, silence, silence+2*heartbeat)
				}
				if !errors.Is(s.cause(), errSilence) {
					t.Errorf("cause %v", s.cause())
				}
				s.wait()
			})
		})
	}
}

// TestHeartbeatKeepsAStream that has nothing else to say.
func TestHeartbeatKeepsAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		one, two := newStream(a, hello{}, func() uint64 { return 7 }, often), newStream(b, hello{}, func() uint64 { return 9 }, often)
		var pings []byte
		one.run()
		two.run()
		go one.read(func(uint8, []byte) {})
		go two.read(func(kind uint8, payload []byte) { pings = append(pings, kind, payload[7]) })
		time.Sleep(10 * silence) // the test's clock
		if one.cause() != nil || two.cause() != nil {
			t.Fatalf("broken: %v, %v", one.cause(), two.cause())
		}
		one.fail(io.EOF)
		two.fail(io.EOF)
		one.wait()
		two.wait()
		synctest.Wait()
		if !bytes.HasPrefix(pings, []byte{kindPing, 7, kindPing, 7}) {
			t.Errorf("got % x", pings)
		}
	})
}

// TestFramesSurviveAnyCut: whatever is written, in whatever pieces it arrives,
// comes out the same and in order.
func TestFramesSurviveAnyCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) received {
			return received{kind: rapid.Byte().Draw(t, "kind"), payload: string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"))}
		}), 0, 20).Draw(t, "frames")
		var wire []byte
		for _, f := range frames {
			wire = appendFrame(wire, f.kind, []byte(f.payload))
		}
		piece := rapid.IntRange(1, 50).Draw(t, "piece")
		r := &piecewise{data: wire, piece: piece}
		var buf []byte
		for i, f := range frames {
			kind, payload, err := readFrame(r, buf, maxFrame)
			if err != nil || kind != f.kind || string(payload) != f.payload {
				t.Fatalf("frame %d: kind %d, %q, %v", i, kind, payload, err)
			}
			buf = payload
		}
		if _, _, err := readFrame(r, buf, maxFrame); !errors.Is(err, io.EOF) {
			t.Fatalf("after the last frame: %v", err)
		}
	})
}

type piecewise struct {
	data  []byte
	piece int
}

func (p *piecewise) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(p.piece, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}

// FuzzReadFrame: no input panics, takes more memory than its bound or comes out
// different from what went in.
func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(nil, kindPing, []byte("12345678")))
	f.Add(appendFrame(appendFrame(nil, kindHello, []byte(`{"version":1}`)), KindUser, nil))
	f.Add([]byte{kindCluster, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 1 << 12
		r := bytes.NewReader(in)
		var buf, out []byte
		for {
			kind, payload, err := readFrame(r, buf, limit)
			if len(payload) > limit || cap(payload) > 2*limit {
				t.Fatalf("payload of %d bytes, capacity %d", len(payload), cap(payload))
			}
			if err != nil {
				break
			}
			out = appendFrame(out, kind, payload)
			buf = payload
		}
		if !bytes.HasPrefix(in, out) {
			t.Fatalf("% x came out as % x", in, out)
		}
	})
}

// TestQueueIsBounded: the user's frames fill their part only, the cluster's all.
func TestQueueIsBounded(t *testing.T) {
	s := newStream(&quietConn{closed: make(chan struct{})}, hello{}, func() uint64 { return 0 }, often) // nobody writes
	payload := make([]byte, 1<<19)
	for _, c := range []struct {
		kind  uint8
		limit int
	}{{KindUser, maxUserQueue}, {kindCluster, maxQueue}} {
		for {
			if err := s.append(c.kind, payload); err != nil {
				if !errors.Is(err, ErrQueueFull) {
					t.Fatal(err)
				}
				break
			}
		}
		if n := len(s.pending); n > c.limit || n < c.limit-2*len(payload) {
			t.Errorf("kind %d: %d bytes wait, bound %d", c.kind, n, c.limit)
		}
	}
	s.fail(io.EOF)
	if err := s.append(kindCluster, nil); !errors.Is(err, ErrNoStream) {
		t.Errorf("after the end: %v", err)
	}
}

// TestOwnStopIsNoSilenceOfPeers: a process that goes on after it was stopped
// finds nothing read for as long, and must not give its peers up for that.
func TestOwnStopIsNoSilenceOfPeers(t *testing.T) {
	began := time.Now()
	p := pulse{lastRead: began, lastLook: began}
	at := began.Add(heartbeat)
	if quiet := p.quiet(at, 1, heartbeat); quiet != 0 {
		t.Fatalf("quiet for %v as something came", quiet)
	}
	at = at.Add(5 * time.Second)
	if quiet := p.quiet(at, 1, heartbeat); quiet > 2*heartbeat {
		t.Errorf("quiet for %v after a stop", quiet)
	}
	for range 5 {
		at = at.Add(heartbeat)
		p.quiet(at, 1, heartbeat)
	}
	if quiet := p.quiet(at, 1, heartbeat); quiet <= silence {
		t.Errorf("quiet for %v after as many looks in time", quiet)
	}
}

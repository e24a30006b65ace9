package peer

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/sipring/sipring/proxy/cluster"
)

// What a driver owes the state machines is in the documentation of package cluster.

// lone is a running node of a set of two, whose other member is the test.
func lone(t *testing.T) (*Node, *link) {
	trial := newTrial(t, 2)
	n := trial.start(1)
	return n, n.links.to(2)
}

// newest has the link use a new stream of the other member's, as read from nowhere and written to nobody: what is
// queued stays to be looked at.
func newest(t *testing.T, l *link, incarnation uint64) *stream {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	s := newStream(ours, hello{ID: l.id, Incarnation: incarnation}, l.dialler.view.epoch, often)
	l.mu.Lock()
	l.cur = s
	l.mu.Unlock()
	return s
}

// kinds are those of the frames that are queued.
func (s *stream) kinds(t *testing.T) []uint8 {
	t.Helper()
	s.mu.Lock()
	r := bytes.NewReader(bytes.Clone(s.pending))
	s.mu.Unlock()
	var all []uint8
	for {
		kind, _, err := readFrame(r, nil, maxFrame)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kind)
	}
}

// announcement is what the first core of the other member says first.
func announcement(t *testing.T, n *Node) []byte {
	m := cluster.NewMembership(2, 22, 0)
	v := m.SetChanged(0, n.View().Set)
	if up := m.PeerUp(0, 1, n.Incarnation(), false, false); up != nil {
		v = up
	}
	c := cluster.NewCore(cluster.CoreConfig{Self: 2, Incarnation: 22})
	var e cluster.Effects
	c.ViewChanged(n.cfg.clock.now(), v, &e)
	if len(e.Sends) == 0 {
		t.Fatal("says nothing")
	}
	return bytes.Clone(e.Bytes(e.Sends[0]))
}

func TestMissedIsToldFirst(t *testing.T) {
	n, l := lone(t)
	n.membership.peerUp(l, newest(t, l, 22))
	n.membership.peerDown(l, errSilence)
	s := newest(t, l, 22)
	n.membership.peerUp(l, s)
	kinds := s.kinds(t)
	if len(kinds) < 2 || kinds[0] != kindMissed || !bytes.Contains(kinds, []byte{kindCluster}) {
		t.Errorf("frames of the kinds %v", kinds)
	}
}

// A stream says what this member is now, whatever its handshake said.
func TestNewStreamTellsState(t *testing.T) {
	n, l := lone(t)
	s := newest(t, l, 22)
	n.membership.peerUp(l, s)
	if kinds := s.kinds(t); !bytes.Contains(kinds, []byte{kindState}) {
		t.Errorf("frames of the kinds %v", kinds)
	}
}

func TestNothingIsSaidBeforeAStreamIsAnnounced(t *testing.T) {
	n, l := lone(t)
	n.membership.peerUp(l, newest(t, l, 22))
	s := newest(t, l, 22)
	n.Register(registerOp("sip:a@example.com", "sip:a@192.0.2.1", 1, func(*cluster.RegisterOp) {}))
	n.cores.message(&n.cores.all[0], 2, s, announcement(t, n))
	if kinds := s.kinds(t); len(kinds) > 0 {
		t.Errorf("frames of the kinds %v", kinds)
	}
	n.membership.peerUp(l, s)
	if len(s.kinds(t)) == 0 {
		t.Error("nothing is said after that")
	}
}

func TestFullQueueBreaksTheStream(t *testing.T) {
	n, l := lone(t)
	s := newest(t, l, 22)
	n.membership.peerUp(l, s)
	s.mu.Lock()
	s.pending = make([]byte, maxQueue)
	s.mu.Unlock()
	n.cores.message(&n.cores.all[0], 2, s, announcement(t, n))
	if err := s.cause(); !errors.Is(err, ErrQueueFull) {
		t.Errorf("ended with %v", err)
	}
}

func TestReplacedStreamIsNotHeard(t *testing.T) {
	n, l := lone(t)
	old := newest(t, l, 22)
	n.membership.peerUp(l, old)
	s := newest(t, l, 23)
	n.membership.peerUp(l, s)
	before := len(s.kinds(t))
	n.cores.message(&n.cores.all[0], 2, old, announcement(t, n))
	if after := s.kinds(t); len(after) != before {
		t.Errorf("a core answered with frames of the kinds %v", after[before:])
	}
	n.cores.message(&n.cores.all[0], 2, s, announcement(t, n))
	if len(s.kinds(t)) == before {
		t.Error("it does not answer on the new stream either")
	}
}

// The order in which a core speaks to a peer is that of its steps: nobody else has the core before its words are queued.
func TestCoreIsLockedUntilItsWordsAreQueued(t *testing.T) {
	n, l := lone(t)
	s := newest(t, l, 22)
	n.membership.peerUp(l, s)
	b := announcement(t, n)
	c := &n.cores.all[0]
	s.mu.Lock()
	done := make(chan struct{})
	go func() {
		n.cores.message(c, 2, s, b)
		close(done)
	}()
	stacks := make([]byte, 1<<20)
	until(t, "it waits for the queue", func() bool {
		all := string(stacks[:runtime.Stack(stacks, true)])
		for stack := range strings.SplitSeq(all, "\n\n") {
			if strings.Contains(stack, "(*cores).message(") && strings.Contains(stack, "(*stream).append(") {
				return true
			}
		}
		return false
	})
	free := c.mu.TryLock()
	if free {
		c.mu.Unlock()
	}
	s.mu.Unlock()
	<-done
	if free {
		t.Error("another step could be taken, and its words queued before")
	}
}

// Nothing of a stream is read before the cores know of it.
func TestStreamIsReadOnceItIsAnnounced(t *testing.T) {
	n, l := lone(t)
	s := newest(t, l, 22)
	n.membership.mu.Lock()
	unlock := sync.OnceFunc(n.membership.mu.Unlock)
	defer unlock()
	done := make(chan struct{})
	go func() {
		l.serve(t.Context(), s)
		close(done)
	}()
	stacks := make([]byte, 1<<20)
	until(t, "the stream is announced by the one who is to read it", func() bool {
		all := string(stacks[:runtime.Stack(stacks, true)])
		for stack := range strings.SplitSeq(all, "\n\n") {
			if strings.Contains(stack, "(*membership).peerUp(") && strings.Contains(stack, "(*link).serve(") {
				return true
			}
		}
		return false
	})
	unlock()
	s.fail(errClosed)
	<-done
}

func TestProgressIsThatOfAllCores(t *testing.T) {
	n, _ := lone(t)
	if got := n.cores.progress(); got.Filling+got.Held != n.View().Ring.Partitions() {
		t.Errorf("%+v of %d partitions", got, n.View().Ring.Partitions())
	}
}

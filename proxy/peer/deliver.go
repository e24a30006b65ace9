package peer

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// Bounds on connections that have not proved who they are: those from a
// member's address, and all others. A flood from elsewhere does not keep
// members out.
const (
	maxHandshakes         = 64
	maxStrangerHandshakes = 16
)

// handshakeTimeout is how long a connection may take to prove it.
const handshakeTimeout = 2 * time.Second

var (
	errUnlisted  = errors.New("not in this member's set (yet)")
	errWrongSide = errors.New("the member with the lower id dials")
)

// accept takes connections from peers. Those of members over the bound wait in
// the kernel's queue, strangers are closed.
func (n *Node) accept(ctx context.Context) {
	members, strangers := make(chan struct{}, maxHandshakes), make(chan struct{}, maxStrangerHandshakes)
	for {
		conn, err := n.listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			n.counters.refused.Add(1)
			time.Sleep(tickInterval) // out of descriptors: not a busy loop
			continue
		}
		if n.stuck.Load() {
			_ = conn.Close() // the word that this process is down
			continue
		}
		slots := members
		if !n.listed(conn.RemoteAddr()) {
			slots = strangers
			if len(strangers) == cap(strangers) { // nobody else adds to it
				n.counters.refused.Add(1)
				_ = conn.Close()
				continue
			}
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			_ = conn.Close()
			return
		}
		n.stopped.Go(func() {
			defer func() { <-slots }()
			n.welcome(ctx, conn)
		})
	}
}

// listed tells whether a member of the set has the address.
func (n *Node) listed(a net.Addr) bool {
	remote, ok := a.(*net.TCPAddr)
	if !ok {
		return false
	}
	v := n.view.Load()
	ip := remote.AddrPort().Addr().Unmap().String()
	return v != nil && slices.ContainsFunc(v.Members, func(m cluster.MemberView) bool { return m.Address == ip })
}

// welcome proves a dialled connection and hands it to its member's link.
func (n *Node) welcome(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	tc := tls.Server(conn, n.tls)
	theirs, err := answer(tc, n.hello(), n.admit, n.learn, handshakeTimeout)
	if err == nil {
		if l := (*n.links.Load())[theirs.ID]; l == nil {
			err = errUnlisted
		} else {
			err = l.accept(newStream(tc, *theirs, n.epoch, n.beat))
		}
	}
	if err != nil {
		n.counters.refused.Add(1)
		n.log.Debug("peer refused", "remote", conn.RemoteAddr().String(), "error", err)
		_ = conn.Close()
	}
}

// admit says why a peer that proved itself is not answered. It tries again. One
// that is not to dial only knocks, to be dialled soon.
func (n *Node) admit(theirs *hello) error {
	l := (*n.links.Load())[theirs.ID]
	switch {
	case l == nil:
		return errUnlisted
	case theirs.ID > n.cfg.ID:
		wake(l.nudge)
		return errWrongSide
	}
	return nil
}

// deliver takes one frame of a peer.
func (n *Node) deliver(from uint32, s *stream, kind uint8, payload []byte) {
	switch {
	case kind == kindCluster:
		i, ok := cluster.CoreOfMessage(payload)
		if !ok {
			n.counters.badFrames.Add(1)
			return
		}
		n.message(&n.cores[i], from, s, payload)
	case kind == kindLocate:
		n.answerLocate(from, payload)
	case kind == kindLocated:
		n.located(from, payload)
	case kind >= KindUser:
		n.cfg.Handler.HandleFrame(from, kind, payload)
	case kind == kindPing:
		if epoch, ok := s.pinged(payload); ok {
			n.offerSet(s, epoch)
		}
	case kind == kindState:
		if st, ok := decodeState(payload); ok {
			n.change(&change{event: func() { n.membership.PeerState(n.now(), from, s.peer.Incarnation, st.synced, st.leaving) }})
		}
	case kind == kindMissed:
		if len(payload) == 8 {
			n.mu.Lock()
			before := n.membership.Accused()
			n.apply(n.membership.PeerMissed(n.now(), from, s.peer.Incarnation, binary.BigEndian.Uint64(payload)))
			accused := n.membership.Accused() > before
			n.mu.Unlock()
			if accused {
				n.log.Warn("a peer had taken this process for dead: fetching what it acknowledged meanwhile", "peer", s.peer.Name)
			}
		}
	case kind == kindAway:
		s.fail(errAway)
	case kind == kindMembers:
		n.learn(payload)
	default:
		n.counters.badFrames.Add(1)
	}
}

// learn takes a member set from a peer.
func (n *Node) learn(b []byte) {
	set, err := config.ParseMemberSet(b)
	if err != nil {
		n.counters.badFrames.Add(1)
		return
	}
	n.SetMembers(set)
}

// ownSet is the member set here as a peer reads it, nil if there is none.
func (n *Node) ownSet() []byte {
	v := n.view.Load()
	if v == nil {
		return nil
	}
	b, err := v.Set.Marshal()
	if err != nil || len(b) > maxFrame {
		return nil
	}
	return b
}

// message hands a message to its core, unless its stream was replaced: what an
// earlier process of the member said must not count for the later one. Under
// the core's lock the answer holds, since a newer stream is in place before any
// core learns of it.
func (n *Node) message(c *core, from uint32, s *stream, payload []byte) {
	e := n.takeEffects()
	c.mu.Lock()
	if n.streamTo(from) == s && !c.closed {
		c.m.Message(n.at(c), from, payload, e)
		n.settle(c, e)
	}
	c.mu.Unlock()
	n.complete(e)
}

// offerSet sends our member set, once, to a peer that told an older epoch:
// members agree even where the API is away. Called by the stream's reader.
func (n *Node) offerSet(s *stream, theirs uint64) {
	v := n.view.Load()
	if v == nil || theirs >= v.Epoch || s.offered >= v.Epoch {
		return
	}
	s.offered = v.Epoch
	if b, err := v.Set.Marshal(); err == nil {
		_ = s.append(kindMembers, b) // one too long for a frame comes by other ways only
	}
}

func (s selfState) encode() []byte {
	b := []byte{0}
	if s.synced {
		b[0] |= 1
	}
	if s.leaving {
		b[0] |= 2
	}
	return b
}

func (s selfState) send(to *stream) { _ = to.append(kindState, s.encode()) }

func decodeState(b []byte) (selfState, bool) {
	if len(b) != 1 {
		return selfState{}, false
	}
	return selfState{synced: b[0]&1 != 0, leaving: b[0]&2 != 0}, true
}

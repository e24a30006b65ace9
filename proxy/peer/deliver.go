package peer

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// maxHandshakes bounds the connections that have not proved who they are.
const maxHandshakes = 64

// handshakeTimeout is how long a connection may take to prove it.
const handshakeTimeout = 2 * time.Second

// accept takes connections from peers. Over maxHandshakes unproven ones wait
// in the kernel's queue.
func (n *Node) accept(ctx context.Context) {
	slots := make(chan struct{}, maxHandshakes)
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

// welcome proves a dialled connection and hands it to its member's link.
func (n *Node) welcome(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	tc := tls.Server(conn, n.tls)
	theirs, err := exchange(tc, n.hello(), handshakeTimeout)
	if err != nil {
		n.counters.refused.Add(1)
		n.log.Debug("peer refused", "remote", conn.RemoteAddr().String(), "error", err)
		_ = conn.Close()
		return
	}
	l := (*n.links.Load())[theirs.ID]
	if l == nil || theirs.ID > n.cfg.ID {
		// Not in our set yet, or not the side that dials: it tries again.
		n.counters.refused.Add(1)
		_ = conn.Close()
		return
	}
	l.accept(newStream(tc, *theirs, n.epoch))
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
		c, e := &n.cores[i], n.takeEffects()
		c.mu.Lock()
		c.m.Message(n.now(), from, payload, e)
		n.queue(e)
		c.mu.Unlock()
		n.complete(e)
	case kind >= KindUser:
		n.cfg.Handler.HandleFrame(from, kind, payload)
	case kind == kindPing:
		n.compareEpochs(s, payload)
	case kind == kindState:
		if st, ok := decodeState(payload); ok {
			n.mu.Lock()
			n.apply(n.membership.PeerState(n.now(), from, s.peer.Incarnation, st.synced, st.leaving))
			n.mu.Unlock()
		}
	case kind == kindMembers:
		set, err := config.ParseMemberSet(payload)
		if err != nil {
			n.counters.badFrames.Add(1)
			return
		}
		n.SetMembers(set)
	default:
		n.counters.badFrames.Add(1)
	}
}

// compareEpochs sends our member set to a peer whose ping tells an older
// epoch: members agree even where the API is away.
func (n *Node) compareEpochs(s *stream, ping []byte) {
	v := n.view.Load()
	if len(ping) != 8 || v == nil || binary.BigEndian.Uint64(ping) >= v.Epoch {
		return
	}
	if b, err := v.Set.Marshal(); err == nil && len(b) <= maxFrame {
		_ = s.append(kindMembers, b)
	}
}

// peerUp announces a stream that stands, before anything of it is read.
func (n *Node) peerUp(l *link, s *stream) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if (*n.links.Load())[l.member.ID] != l {
		s.fail(errClosed) // the member left or moved meanwhile
		return
	}
	n.apply(n.membership.PeerUp(n.now(), l.member.ID, s.peer.Incarnation, s.peer.Synced, s.peer.Leaving))
	n.events.add(Event{Kind: EventPeerUp, Member: l.member.ID, Epoch: n.epoch()})
	n.log.Info("peer is up", "peer", l.member.Name)
	n.told.send(s)
}

// peerDown announces that a member is dead or out of reach.
func (n *Node) peerDown(l *link, cause error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if (*n.links.Load())[l.member.ID] != l {
		return
	}
	n.counters.peerLosses.Add(1)
	n.events.add(Event{Kind: EventPeerLost, Member: l.member.ID, Epoch: n.epoch(), Detail: cause.Error()})
	n.log.Warn("peer is down", "peer", l.member.Name, "cause", cause, "refused", refused(cause))
	n.lost = append(n.lost, l)
	n.apply(n.membership.PeerDown(n.now(), l.member.ID, cause.Error()))
}

// gossipSaw dials at once a member that gossip sees.
func (n *Node) gossipSaw(id uint32) {
	if l := (*n.links.Load())[id]; l != nil {
		select {
		case l.nudge <- struct{}{}:
		default:
		}
	}
}

// gossipLost judges the stream of a member that gossip lost more strictly.
func (n *Node) gossipLost(id uint32) {
	if l := (*n.links.Load())[id]; l != nil {
		if s := l.stream(); s != nil {
			s.suspected.Store(true)
		}
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

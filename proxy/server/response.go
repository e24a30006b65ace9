package server

import (
	"bytes"
	"net/netip"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// Kinds of frames between members.
const (
	// frameResponse carries a SIP response to the owner of its transaction.
	frameResponse = peer.KindUser
	// frameAck carries an ACK to whoever has its transaction.
	frameAck = peer.KindUser + 1
	// frameAsk asks which of the INVITEs it names the receiver has an answer to,
	// frameHave names those.
	frameAsk  = peer.KindUser + 2
	frameHave = peer.KindUser + 3
	// frameOffer carries a SIP response whose Via does not name the owner any more.
	frameOffer = peer.KindUser + 4
	// frameRefused carries the branch of a request that came back to another member
	// than its owner because nobody listens at its target.
	frameRefused = peer.KindUser + 5
	// frameWant names INVITEs whose failure the sender repeats, as no ACK has come.
	frameWant = peer.KindUser + 6
	// frameSend carries a SIP message for a connection of the receiver's: the flow, and
	// the bytes to send. frameGone answers it if that is over: the flow, and the branch of
	// the message if it was a request.
	frameSend = peer.KindUser + 7
	frameGone = peer.KindUser + 8
	// frameDead names connections of the sender's that are over.
	frameDead = peer.KindUser + 9
	// frameWait has an address-of-record whose phone a request at the sender waits for,
	// frameBack one whose phone has registered again.
	frameWait = peer.KindUser + 10
	frameBack = peer.KindUser + 11
	// frameReplaced is for the member that has a connection whose phone is back over
	// another one: the flow.
	frameReplaced = peer.KindUser + 12
	// frameApplication says whether the application beside the sender takes calls.
	frameApplication = peer.KindUser + 13
	// frameExpect names connections that are over of phones which requests wait for.
	frameExpect = peer.KindUser + 14
	// frameAway names UDP flows whose owners are gone, or do not reach their phones, and whose
	// each is. frameTaken names those that the sender owns, with the owners before.
	frameAway  = peer.KindUser + 15
	frameTaken = peer.KindUser + 16
)

// maxOffer is the longest response that is offered to all, in bytes.
const maxOffer = 8 << 10

// response is a message that is one.
type response struct{ *message }

// pass takes a response on its way back (RFC 3261 16.7).
func (m response) pass() {
	s := m.s
	via, err := m.msg.TopVia()
	if err != nil {
		s.metrics.drop(dropMalformed)
		return
	}
	branch, ours := s.keys.ParseBranch(via.Branch())
	if !ours {
		s.metrics.drop(dropStray)
		return
	}
	next, err := m.msg.SecondVia()
	passedOn, cancel := err == nil, m.msg.CSeqMethod() == wire.MethodCancel
	if !passedOn && !cancel || m.msg.CSeqMethod() == wire.MethodAck {
		// To us, who have asked for nothing but CANCELs (RFC 3261 16.7 step 3), or to
		// an ACK, which has no response (17).
		s.metrics.drop(dropStray)
		return
	}
	owner, named := forward.OwnerOf(&via)
	if named && m.handToOwner(owner) {
		return
	}
	m.out = m.builder.Response(m.out[:0], &m.msg, s.checks.Doubts != nil && s.checks.Doubts(m.from.Remote.Addr()))
	switch {
	case passedOn && cancel && m.msg.StatusCode() >= 300:
		// One of many targets that know nothing of it: that is no news to the caller, and
		// each for one CANCEL of nothing would be more than it sent.
		s.metrics.drop(dropStray)
	case passedOn && cancel: // a transaction's own have our Via alone
		m.passStateless(&via, &next, branch.Tx)
	case m.take(branch, &via, &next):
	case m.offered: // another's, or nobody's
	case named && owner == s.owner():
		s.metrics.drop(dropLate) // RFC 6026 7.3
	case !passedOn:
		s.metrics.drop(dropStray)
	case !named && m.offer() && !forward.HasHop(&via):
	default:
		m.passStateless(&via, &next, branch.Tx)
	}
}

// take gives a response to its transaction, and reports whether that is here. What a
// target repeats was asked for again, maybe by another member: where the first answer
// was lost, a retransmission of the request may have got there. For the target it is
// the same transaction, so the answer comes to where it went before, in which the other
// has no part.
func (m response) take(branch token.Branch, own, next *wire.Via) bool {
	s := m.s
	receipt := s.table.Response(m.now, branch.Tx, branch, &m.msg, m.out)
	if receipt == transaction.NoBranch {
		return false
	}
	m.prove()
	if m.offered {
		s.metrics.fromPeer.Add(1)
	}
	switch {
	case receipt != transaction.Repeated:
	case m.msg.CSeqMethod() == wire.MethodInvite:
		m.toOwnPort(own, next, branch.Tx)
	default:
		m.offer()
	}
	return true
}

// toOwnPort sends a 2xx that is repeated to the port that the caller names as its own,
// too, where that is another one of the same address. Then no NAT stands between, but a
// node that gave the flow another port, as it knows the caller's from a flow of ours,
// and that forgets it when kube-proxy drops an endpoint: nobody is at that port then.
func (m response) toOwnPort(own, next *wire.Via, tx token.TxID) {
	to, ok := transport.ResponseDestination(next)
	host, literal := wire.HostAddr(next.Host)
	if !ok || !isUDP(next) || !literal || host != to.Addr() || next.Port == 0 || next.Port == to.Port() {
		return
	}
	port := netip.AddrPortFrom(host, next.Port)
	if _, ok := m.snap.names.Hop(own, tx, to); ok && m.snap.egress.Answers(port) {
		m.sendOn(own, port)
	}
}

// offer gives a response whose Via does not say who owns its transaction to all
// other members, and reports whether it has: some phones take from a Via what
// they do not know (RFC 3261 8.2.6.2 forbids it). The branch, which they cannot
// do without, proves that we have sent the request, and finds the transaction at
// whoever holds it. Nobody who does not hold it sends the response anywhere.
func (m response) offer() bool {
	return !m.peer && len(m.msg.Raw) <= maxOffer && m.s.limits.offers.allow(m.message) && m.s.toAll(frameOffer, m.msg.Raw)
}

// toAll gives a frame to every other member that can be reached, and reports
// whether there is one.
func (s *Server) toAll(kind uint8, payload []byte) (sent bool) {
	v := s.cluster.View()
	if v == nil {
		return false
	}
	for i := range v.Members {
		m := &v.Members[i]
		if m.ID != s.self && m.Liveness == cluster.Up && s.cluster.Send(m.ID, kind, payload) == nil {
			s.metrics.toOwner.Add(1)
			sent = true
		}
	}
	return sent
}

// handToOwner hands a response to the other member that its Via names, if that
// still runs, and reports whether it has. This one may hold the transaction as
// well, where the network has handed a retransmission to it: all responses are
// for the same of the two, lest each waits for what the other one got.
func (m response) handToOwner(o forward.Owner) bool {
	s := m.s
	if o.ID == s.self || m.peer || !s.alive(o) || s.cluster.Send(o.ID, frameResponse, m.msg.Raw) != nil {
		return false
	}
	s.metrics.toOwner.Add(1)
	return true
}

// passStateless forwards a response whose owner is dead, or has forgotten,
// by its next Via (RFC 3261 16.11, 18.2.2). We signed where that leads when the
// request passed: whoever has seen one branch of ours could have us send to
// anybody otherwise.
func (m response) passStateless(own, next *wire.Via, tx token.TxID) {
	to, ok := transport.ResponseDestination(next)
	if ok && m.passToApplication(own, to, tx) {
		return
	}
	if !ok || !isUDP(next) || !m.snap.egress.Answers(to) { // RFC 4475 3.3.10; a connection was its owner's
		m.s.metrics.drop(dropNoDestination)
		return
	}
	if _, ok := m.snap.names.Hop(own, tx, to); !ok {
		m.s.metrics.drop(dropHop)
		return
	}
	m.s.metrics.stateless.Add(1)
	m.s.metrics.sent(m.msg.CSeqMethod(), m.msg.StatusCode(), forwarded)
	if !m.passThroughNAT(own, next, to) {
		m.sendOn(own, to)
	}
}

// passThroughNAT passes a response on to a user agent behind NAT whose request came to a
// member that is gone: by way of the one that its packets come to by now, and reports whether
// that is known. Else it is asked for, for the response that is repeated.
func (m response) passThroughNAT(own, next *wire.Via, to netip.AddrPort) bool {
	owner, named := forward.OwnerOf(own)
	listener, has := forward.ListenerOf(own)
	if !has {
		listener = m.from.Listener
	}
	f := flow.Flow{Remote: to, Listener: listener, Owner: owner.ID, Life: owner.Life}
	if !named || owner == m.s.owner() || !forward.ViaTranslated(next, to.Addr().Unmap()) || m.s.owns(m.snap, f.WithoutOwner(), true).ID == 0 {
		return false
	}
	if m.s.dead(f) {
		m.s.missed(f, nil)
		return false
	}
	m.s.answer(f, m.out)
	return true
}

// passToApplication passes a response on that is for the application beside the owner of
// its transaction, in whatever life, and reports whether it is: where a proxy has started
// anew its application has gone on.
func (m response) passToApplication(own *wire.Via, to netip.AddrPort, tx token.TxID) bool {
	owner, named := forward.OwnerOf(own)
	if !named || m.snap.tables.Application() == nil || !to.Addr().IsLoopback() || !m.snap.names.LocalHop(own, tx, to.Port()) {
		return false
	}
	m.s.metrics.stateless.Add(1)
	m.s.metrics.sent(m.msg.CSeqMethod(), m.msg.StatusCode(), forwarded)
	m.s.answer(flow.ToLocal(owner.ID, to.Port()), m.out)
	return true
}

// isUDP reports whether the element that a Via is of sent a datagram.
func isUDP(via *wire.Via) bool { return bytes.EqualFold(via.Transport, []byte("UDP")) }

// sendOn sends the response by the listener at which the request came.
func (m response) sendOn(own *wire.Via, to netip.AddrPort) {
	listener, named := forward.ListenerOf(own)
	if !named {
		listener = m.from.Listener
	}
	m.s.answer(flow.Flow{Remote: to, Listener: listener, Socket: m.from.Socket}, m.out)
}

// HandleFrame takes a frame from another member; payload is valid during the
// call.
func (s *Server) HandleFrame(from uint32, kind uint8, payload []byte) {
	switch {
	case !s.serving.Load():
		s.metrics.drop(dropPeerFrame)
	case kind == frameAsk:
		s.tellAnswered(from, payload)
	case kind == frameHave:
		s.yield(payload)
	case kind == frameWant:
		s.wanted.add(s.now(), from, payload)
	case kind == frameRefused:
		s.refusedAtPeer(payload)
	case kind == frameSend:
		s.sendForPeer(from, payload)
	case kind == frameGone:
		s.goneAtPeer(from, payload)
	case kind == frameDead:
		s.deadAtPeer(from, payload)
	case kind == frameReplaced:
		s.replacedAtPeer(payload)
	case kind == frameAway:
		s.awayTold(from, payload)
	case kind == frameTaken:
		s.takenAtPeer(from, payload)
	case kind == frameApplication:
		s.applicationAtPeer(from, payload)
	case kind == frameWait:
		s.awaited.add(s.now(), s.facts.text(payload), from)
	case kind == frameExpect:
		s.expectForPeer(payload)
	case kind == frameBack:
		s.wake(payload)
	case kind == frameResponse || kind == frameOffer || kind == frameAck:
		s.messageOfPeer(kind, payload)
	default:
		s.metrics.drop(dropPeerFrame)
	}
}

// messageOfPeer takes a SIP message from another member.
func (s *Server) messageOfPeer(kind uint8, payload []byte) {
	r := s.takeRequest()
	r.raw = append(r.raw[:0], payload...)
	r.from, r.now, r.snap, r.peer, r.offered = flow.Flow{}, s.now(), s.current(), true, kind == frameOffer
	err := r.read()
	switch {
	case err != nil || r.msg.IsRequest() != (kind == frameAck):
		s.metrics.drop(dropPeerFrame)
	case kind == frameAck:
		r.ackOfPeer()
	default:
		if !r.offered {
			s.metrics.fromPeer.Add(1)
		}
		response{&r.message}.pass()
	}
	r.end(done)
}

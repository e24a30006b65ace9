package server

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// sentFrame is one that went to another member.
type sentFrame struct {
	to      uint32
	kind    uint8
	payload []byte
}

// recorder is a cluster of three, of which the other two are only written to.
type recorder struct {
	*node
	view *cluster.View
	sent []sentFrame
}

func (r *recorder) View() *cluster.View { return r.view }

func (r *recorder) Send(to uint32, kind uint8, payload []byte) error {
	r.sent = append(r.sent, sentFrame{to, kind, bytes.Clone(payload)})
	return nil
}

// holding is a proxy that holds two calls: one rings at bob's, nobody has answered the
// other. Neither ends by itself while a test runs.
type holding struct {
	x                   *proxy
	cluster             *recorder
	alice, bob, silent  *phone
	ringing, unanswered *received // the INVITEs as they left
}

func startHolding(t testing.TB, alice, bob, silent *phone) *holding {
	t.Helper()
	set := &config.MemberSet{Epoch: 1, Advertise: "sip.cluster.example"}
	h := &holding{cluster: &recorder{view: &cluster.View{Set: set}}, alice: alice, bob: bob, silent: silent}
	x := startProxy(t, func(o *proxyOptions) {
		o.set = set
		o.cluster = func(n *node) Cluster {
			h.cluster.node = n
			return h.cluster
		}
		o.timers.T1, o.timers.C, o.timers.Ring = time.Hour, 1000*time.Hour, 1000*time.Hour
	})
	h.x = x
	for id := uint32(1); id <= 3; id++ {
		h.cluster.view.Members = append(h.cluster.view.Members, cluster.MemberView{Member: config.Member{ID: id}, Liveness: cluster.Up, Incarnation: x.node.life})
	}
	h.ringing, h.unanswered = h.call(t, bob), h.call(t, silent)
	x.Message(flow.OverUDP(bob.addr), wire.AppendResponse(nil, &h.ringing.Message, 180, "Ringing", []byte("b"), nil))
	if got := alice.arrived(t); len(got) != 3 || !bytes.Contains(got[2], []byte(" 180 ")) || x.Transactions() != 2 {
		t.Fatalf("%d calls, and the caller has %q", x.Transactions(), got)
	}
	return h
}

// call has alice call a phone, with the same bytes each time.
func (h *holding) call(t testing.TB, to *phone) *received {
	t.Helper()
	h.x.Message(flow.OverUDP(to.addr), to.registerText(to.user, 1, "Contact: <"+to.contact()+">"))
	to.arrived(t)
	h.x.Message(flow.OverUDP(h.alice.addr), []byte("INVITE sip:"+to.user+"@example.com SIP/2.0\r\nVia: SIP/2.0/UDP "+h.alice.addr.String()+";rport;branch=z9hG4bK"+to.user+
		"\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:"+to.user+"@example.com>\r\nCall-ID: "+to.user+"\r\nCSeq: 1 INVITE\r\nContact: <"+h.alice.contact()+">\r\n\r\n"))
	got, r := to.arrived(t), &received{}
	if len(got) != 1 || r.Scan(got[0], nil) != nil {
		t.Fatalf("%s is called with %q", to.user, got)
	}
	return r
}

// branch is what our Via in an INVITE has, as it is written and what it says.
func (h *holding) branch(t testing.TB, invite *received) ([]byte, token.Branch) {
	t.Helper()
	via, err := invite.TopVia()
	b, ours := h.x.keys.ParseBranch(via.Branch())
	if err != nil || !ours {
		t.Fatalf("%v: the INVITE has a branch of somebody else's: %q", err, invite.Raw)
	}
	return via.Branch(), b
}

// kindQuote stands, in FuzzFrames, for what an ICMP error quotes: the one thing beside
// frames that ends a branch by naming it.
const kindQuote = 0

// FuzzFrames: nothing that another member says, or an ICMP error quotes, has anybody
// sent anything, but for who names the branch of a call that is held here; no call is
// left to others but one that nobody has answered and that is named; and what goes to
// members is the list of those that are answered here, of those that were asked for, a
// branch of ours that an ICMP error says to be theirs, or that a connection is none.
func FuzzFrames(f *testing.F) {
	alice, bob, silent := newPhone(f, "alice"), newPhone(f, "bob"), newPhone(f, "silent")
	shared := startHolding(f, alice, bob, silent)
	branch, ringing := shared.branch(f, shared.ringing)
	other, unanswered := shared.branch(f, shared.unanswered)
	both := slices.Concat(ringing.Tx[:], unanswered.Tx[:])
	for _, kind := range []uint8{frameAsk, frameHave, frameWant} {
		f.Add(kind, both)
		f.Add(kind, bytes.Repeat(both, 40))
		f.Add(kind, both[1:])
		f.Add(kind, append([]byte{7}, both...))
	}
	busy := wire.AppendResponse(nil, &shared.ringing.Message, 486, "Busy Here", []byte("b"), nil)
	for _, kind := range []uint8{frameResponse, frameOffer, frameAck, frameRefused, kindQuote} {
		f.Add(kind, busy)
		f.Add(kind, bytes.Replace(busy, branch[len(branch)-4:], []byte("AAAA"), 1))
		f.Add(kind, slices.Clone(branch))
		f.Add(kind, shared.unanswered.Raw)
	}
	for _, owner := range []uint32{1, 2} {
		conn := flow.Append(nil, flow.Flow{Transport: flow.TCP, Remote: bob.addr, Conn: 7, Owner: owner, Life: 9})
		f.Add(uint8(frameSend), slices.Concat(conn, shared.ringing.Raw))
		f.Add(uint8(frameSend), slices.Concat(conn, busy))
		f.Add(uint8(frameGone), slices.Concat(conn, branch))
		f.Add(uint8(frameGone), slices.Concat(conn, other))
		f.Add(uint8(frameDead), slices.Concat(conn, conn))
	}
	udp := flow.OverUDP(bob.addr)
	f.Add(uint8(frameSend), slices.Concat(flow.Append(nil, udp), []byte("OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n")))
	for _, owner := range []uint32{1, 2} {
		o := forward.Owner{ID: owner, Life: shared.x.life}
		f.Add(uint8(frameAway), appendAway(nil, sourceOf(udp).flow(o), []byte("sip:bob@example.com")))
		f.Add(uint8(frameTaken), takenFrame(sourceOf(udp), o, forward.Owner{ID: 2, Life: 9}))
	}
	f.Add(uint8(frameWait), []byte("sip:bob@example.com"))
	f.Add(uint8(frameBack), []byte("sip:bob@example.com"))
	f.Add(uint8(frameAck), bytes.ReplaceAll(shared.ringing.Raw, []byte("INVITE"), []byte("ACK")))
	f.Add(uint8(255), []byte{1})
	f.Add(uint8(kindQuote), bytes.Replace(shared.ringing.Raw, []byte(";o=1-"), []byte(";o=2-"), 1)) // of another member's
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		h := shared
		named := bytes.Contains(payload, branch) || bytes.Contains(payload, other)
		if named || kind == frameHave && slices.Contains(idsIn(payload), unanswered.Tx) { // it may end what is shared
			h = startHolding(t, alice, bob, silent)
		}
		h.cluster.sent = nil
		for _, from := range []uint32{2, 3} {
			if kind == kindQuote {
				h.x.Closed(flow.OverUDP(bob.addr), &transport.Refused{Quote: payload[:min(len(payload), transport.MaxRefusal)]})
			} else {
				h.x.HandleFrame(from, kind, payload)
			}
		}
		for _, p := range []*phone{alice, bob, silent} {
			if got := p.arrived(t); len(got) > 0 && !named {
				t.Fatalf("%s is sent %q", p.user, got)
			}
		}
		h.checkHeld(t, kind, payload, ringing.Tx, true)
		h.checkHeld(t, kind, payload, unanswered.Tx, kind != frameHave)
		h.checkSent(t, kind, payload, ringing.Tx)
	})
}

// checkHeld: a call is left to others only if it may be, and is named.
func (h *holding) checkHeld(t *testing.T, kind uint8, payload []byte, tx token.TxID, stays bool) {
	t.Helper()
	stays = stays || kind == frameHave && !slices.Contains(idsIn(payload), tx)
	if h.x.table.Has(tx) != stays {
		t.Fatalf("kind %d: held %v, want %v, after % x", kind, !stays, stays, payload)
	}
}

// checkSent: members are told what they have asked for, once each time.
func (h *holding) checkSent(t *testing.T, kind uint8, payload []byte, answered token.TxID) {
	t.Helper()
	for _, sent := range h.cluster.sent {
		if kind == kindQuote && sent.kind == frameRefused && bytes.Contains(payload, sent.payload) {
			if _, ours := h.x.keys.ParseBranch(sent.payload); ours && sent.to != h.x.self && len(h.cluster.sent) <= 2 {
				continue
			}
		}
		if kind == frameSend && sent.kind == frameGone && goneFor(sent.payload, payload) && len(h.cluster.sent) <= 2 {
			continue
		}
		ids := idsIn(sent.payload)
		if kind != frameAsk || sent.kind != frameHave || len(sent.payload) > len(payload) || len(h.cluster.sent) > 2 {
			t.Fatalf("kind %d of %d bytes has %d frames sent: %+v", kind, len(payload), len(h.cluster.sent), sent)
		}
		if slices.ContainsFunc(ids, func(id token.TxID) bool { return id != answered }) || !slices.Contains(idsIn(payload), answered) {
			t.Fatalf("asked for % x, it has % x", payload, sent.payload)
		}
	}
	if kind == frameAsk && slices.Contains(idsIn(payload), answered) && len(h.cluster.sent) != 2 {
		t.Fatalf("%d of 2 members are told", len(h.cluster.sent))
	}
}

// goneFor reports whether a frameGone names the connection of a frameSend, and nothing
// that is not in that.
func goneFor(gone, send []byte) bool {
	var of, to flow.Flow
	branch, told := flow.Cut(gone, &of)
	message, asked := flow.Cut(send, &to)
	return told && asked && of == to && bytes.Contains(message, branch)
}

// idsIn are the transactions that a frame names.
func idsIn(payload []byte) (ids []token.TxID) {
	for ; len(payload) >= idLen; payload = payload[idLen:] {
		ids = append(ids, token.TxID(payload))
	}
	return ids
}

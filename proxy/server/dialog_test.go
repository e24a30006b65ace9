package server

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipring/sipring/proxy/wire"
)

// dialog is one end's idea of a dialog (RFC 3261 12).
type dialog struct {
	p              *phone
	proxy          netip.AddrPort
	callID         string
	local, remote  string // From and To values of requests this end sends
	target         string // remote Contact URI
	routes         []string
	cseq           int
	inviteCSeq     int
	inviteBranch   string
	inviteURI      string
	lastInviteText string
}

// ring sends an INVITE for aor and returns the half-open dialog.
func (p *phone) ring(proxy netip.AddrPort, aor string, extra ...string) *dialog {
	p.t.Helper()
	d := &dialog{
		p: p, proxy: proxy, callID: unique("call"), cseq: 1, inviteCSeq: 1, inviteBranch: unique("z9hG4bKinv"), inviteURI: aor,
		local: fmt.Sprintf("<sip:%s@example.com>;tag=%s", p.user, unique("c")), remote: "<" + aor + ">",
	}
	body := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
	d.lastInviteText = d.head("INVITE", aor, d.inviteBranch, 1) +
		"Contact: <" + p.contact() + ">\r\nContent-Type: application/sdp\r\n" + lines(extra) +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	p.sendRaw(proxy, []byte(d.lastInviteText))
	return d
}

func lines(l []string) string {
	if len(l) == 0 {
		return ""
	}
	return strings.Join(l, "\r\n") + "\r\n"
}

// head is the request line and the headers that every request has.
func (d *dialog) head(method, uri, branch string, cseq int) string {
	s := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\n", method, uri, d.p.addr, branch)
	for _, r := range d.routes {
		s += "Route: " + r + "\r\n"
	}
	return s + fmt.Sprintf("From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", d.local, d.remote, d.callID, cseq, method)
}

// answered takes the 2xx that makes the dialog at the caller.
func (d *dialog) answered(ok *received) {
	d.remote = ok.value(wire.HeaderTo)
	d.target = contactURI(ok)
	d.routes = reversed(ok.values(wire.HeaderRecordRoute))
}

// callee is the other end's dialog, from the INVITE it got and the tag it gave.
func (p *phone) callee(invite *received, tag string) *dialog {
	return &dialog{
		p: p, proxy: invite.from, callID: string(invite.CallID()), cseq: 100,
		local: invite.value(wire.HeaderTo) + ";tag=" + tag, remote: invite.value(wire.HeaderFrom),
		target: contactURI(invite), routes: invite.values(wire.HeaderRecordRoute),
	}
}

func contactURI(r *received) string {
	n, err := wire.ParseNameAddr([]byte(r.value(wire.HeaderContact)))
	if err != nil {
		return ""
	}
	return string(n.URI)
}

func reversed(s []string) []string {
	out := make([]string, 0, len(s))
	for i := len(s) - 1; i >= 0; i-- {
		out = append(out, s[i])
	}
	return out
}

// ack acknowledges the 2xx.
func (d *dialog) ack() {
	d.p.t.Helper()
	d.p.sendRaw(d.proxy, []byte(d.head("ACK", d.target, unique("z9hG4bKack"), d.inviteCSeq)+"Content-Length: 0\r\n\r\n"))
}

// ackFailure acknowledges a final response other than 2xx (RFC 3261 17.1.1.3).
func (d *dialog) ackFailure(final *received) {
	d.p.t.Helper()
	kept := d.remote
	d.remote = final.value(wire.HeaderTo)
	d.p.sendRaw(d.proxy, []byte(d.head("ACK", d.inviteURI, d.inviteBranch, d.inviteCSeq)+"Content-Length: 0\r\n\r\n"))
	d.remote = kept
}

// cancel cancels the INVITE (RFC 3261 9.1).
func (d *dialog) cancel() {
	d.p.t.Helper()
	d.p.sendRaw(d.proxy, []byte(d.head("CANCEL", d.inviteURI, d.inviteBranch, d.inviteCSeq)+"Content-Length: 0\r\n\r\n"))
}

// send sends a request within the dialog.
func (d *dialog) send(method string, extra ...string) {
	d.p.t.Helper()
	d.cseq++
	branch := unique("z9hG4bKreq")
	if method == "INVITE" {
		d.inviteCSeq, d.inviteBranch, d.inviteURI = d.cseq, branch, d.target
		extra = append(extra, "Contact: <"+d.p.contact()+">")
	}
	d.p.sendRaw(d.proxy, []byte(d.head(method, d.target, branch, d.cseq)+lines(extra)+"Content-Length: 0\r\n\r\n"))
}

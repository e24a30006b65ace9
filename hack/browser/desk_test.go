package browser

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

const (
	domain   = "example.com"
	patience = 30 * time.Second
)

// desk is a phone on UDP, of messages as they are written and read.
type desk struct {
	t       *testing.T
	user    string
	conn    *net.UDPConn
	to      netip.AddrPort
	secret  *phones.Credentials
	branch  int
	heard   map[string]bool // what came may come again
	waiting []string        // what came while something else was awaited
	repeat  *repetition     // of what was asked last
}

// repetition is of a request, until it has an answer (RFC 3261 17.1.1.2 and 17.1.2.2): the proxy that
// it went to may have died.
type repetition struct {
	cseq string
	stop chan struct{}
	once sync.Once
}

func (r *repetition) end() { r.once.Do(func() { close(r.stop) }) }

// request sends a request.
func (d *desk) request(message string) {
	d.t.Helper()
	if d.repeat != nil {
		d.repeat.end()
	}
	r := &repetition{cseq: value(message, "CSeq"), stop: make(chan struct{})}
	d.repeat = r
	d.t.Cleanup(r.end)
	d.send(message)
	go func() {
		for wait := 500 * time.Millisecond; ; wait *= 2 {
			select {
			case <-r.stop:
				return
			case <-time.After(wait):
				_, _ = d.conn.WriteToUDPAddrPort([]byte(message), d.to) // what cannot be sent is like what is lost
			}
		}
	}()
}

// answers ends what repeats the request that a message answers.
func (d *desk) answers(message string) {
	if d.repeat != nil && strings.HasPrefix(message, "SIP/2.0 ") && value(message, "CSeq") == d.repeat.cseq {
		d.repeat.end()
	}
}

func newDesk(t *testing.T, user, password string, at netip.Addr, to netip.AddrPort) *desk {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &desk{t: t, user: user, conn: conn, to: to, secret: phones.NewCredentials(user, password, ""), heard: map[string]bool{}}
}

func (d *desk) send(message string) {
	d.t.Helper()
	if _, err := d.conn.WriteToUDPAddrPort([]byte(message), d.to); err != nil {
		d.t.Fatal(err)
	}
}

// receive waits for a message whose first line begins or ends so. What comes before is kept.
func (d *desk) receive(first string) string {
	d.t.Helper()
	wanted := func(m string) bool { return strings.HasPrefix(m, first) }
	if i := slices.IndexFunc(d.waiting, wanted); i >= 0 {
		m := d.waiting[i]
		d.waiting = slices.Delete(d.waiting, i, i+1)
		return m
	}
	_ = d.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		b := make([]byte, 65535)
		n, err := d.conn.Read(b)
		if err != nil {
			d.t.Fatalf("%s: no %s comes: %v; there was %q", d.user, first, err, d.waiting)
		}
		d.answers(string(b[:n]))
		switch m := string(b[:n]); {
		case d.heard[m]:
		case wanted(m):
			d.heard[m] = true
			return m
		default:
			d.heard[m] = true
			d.waiting = append(d.waiting, m)
		}
	}
}

// values are those of a header, in order.
func values(message, name string) (all []string) {
	head, _, _ := strings.Cut(message, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			all = append(all, strings.TrimSpace(v))
		}
	}
	return all
}

func value(message, name string) string {
	return strings.Join(values(message, name), ", ")
}

func body(message string) string {
	_, b, _ := strings.Cut(message, "\r\n\r\n")
	return b
}

func (d *desk) contact() string { return fmt.Sprintf("<sip:%s@%s>", d.user, d.conn.LocalAddr()) }

// dialog is what requests of a call have.
type dialog struct {
	d                *desk
	callID           string
	local, remote    string // From and To
	target           string // Request-URI
	routes           []string
	cseq             int
	invited          int // CSeq of the INVITE
	headers, payload string
}

// write makes a request.
func (c *dialog) write(method string, cseq int, proof []string) string {
	c.d.branch++
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\n", method, c.target, c.d.conn.LocalAddr(), c.callID, c.d.branch)
	for _, r := range c.routes {
		fmt.Fprintf(&b, "Route: %s\r\n", r)
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: %s\r\n", c.local, c.remote, c.callID, cseq, method, c.d.contact())
	for _, p := range proof {
		b.WriteString(p + "\r\n")
	}
	fmt.Fprintf(&b, "%sContent-Length: %d\r\n\r\n%s", c.headers, len(c.payload), c.payload)
	return b.String()
}

// ask sends a request, with credentials where it is asked for them.
func (c *dialog) ask(method string) {
	c.d.t.Helper()
	c.cseq++
	c.d.request(c.write(method, c.cseq, nil))
}

// prove answers a challenge.
func (c *dialog) prove(method string, status int) {
	c.d.t.Helper()
	refused := c.d.receive(fmt.Sprintf("SIP/2.0 %d", status))
	if method == "INVITE" {
		to := c.remote
		c.remote, c.payload = value(refused, "To"), ""
		ack := c.write("ACK", c.cseq, nil)
		via := values(ack, "Via")[0]
		c.d.send(strings.Replace(ack, via, fmt.Sprintf("SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%d", c.d.conn.LocalAddr(), c.callID, c.d.branch-1), 1))
		c.remote = to
	}
	if known, _ := c.d.secret.Challenged(status, method, values(refused, phones.ChallengeHeader(status))); !known {
		c.d.t.Fatalf("a challenge of nothing that is known:\n%s", refused)
	}
}

// register binds the phone.
func (d *desk) register() {
	d.t.Helper()
	own := fmt.Sprintf("<sip:%s@%s>", d.user, domain)
	c := &dialog{d: d, callID: "r" + d.user, local: own + ";tag=1", remote: own, target: "sip:" + domain, headers: "Expires: 600\r\n"}
	c.ask("REGISTER")
	c.prove("REGISTER", 401)
	c.cseq++
	d.request(c.write("REGISTER", c.cseq, d.secret.Lines("REGISTER", c.target)))
	d.receive("SIP/2.0 200")
}

// call sends an INVITE with an offer.
func (d *desk) call(user, offer string) *dialog {
	d.t.Helper()
	d.branch++
	c := &dialog{
		d: d, callID: fmt.Sprintf("c%s%d", d.user, d.branch), local: fmt.Sprintf("<sip:%s@%s>;tag=%d", d.user, domain, d.branch),
		remote: fmt.Sprintf("<sip:%s@%s>", user, domain), target: "sip:" + user + "@" + domain,
	}
	c.offers(offer)
	c.ask("INVITE")
	c.prove("INVITE", 407)
	c.offers(offer)
	c.cseq++
	c.invited = c.cseq
	d.request(c.write("INVITE", c.cseq, d.secret.Lines("INVITE", c.target)))
	return c
}

// offers has the next request carry a session description.
func (c *dialog) offers(sdp string) {
	c.headers, c.payload = "Content-Type: application/sdp\r\n", sdp
}

func (c *dialog) nothing() { c.headers, c.payload = "", "" }

// answered takes the 200 of an INVITE, and acknowledges it.
func (c *dialog) answered(ok string) {
	c.d.t.Helper()
	c.remote, c.target = value(ok, "To"), inAngles(value(ok, "Contact"))
	c.routes = nil
	for _, r := range slices.Backward(values(ok, "Record-Route")) {
		list := strings.Split(r, ",")
		for _, one := range slices.Backward(list) {
			c.routes = append(c.routes, strings.TrimSpace(one))
		}
	}
	c.nothing()
	c.d.send(c.write("ACK", c.cseq, nil))
}

func inAngles(v string) string {
	_, v, _ = strings.Cut(v, "<")
	v, _, _ = strings.Cut(v, ">")
	return v
}

// reply answers a request.
func (d *desk) reply(request, status string, more ...string) {
	d.t.Helper()
	var b strings.Builder
	b.WriteString("SIP/2.0 " + status + "\r\n")
	for _, name := range []string{"Via", "Record-Route"} {
		for _, v := range values(request, name) {
			b.WriteString(name + ": " + v + "\r\n")
		}
	}
	to := value(request, "To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=desk"
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: %s\r\n", value(request, "From"), to, value(request, "Call-ID"), value(request, "CSeq"), d.contact())
	sdp := ""
	for _, m := range more {
		if strings.HasPrefix(m, "v=0") {
			sdp = m
			b.WriteString("Content-Type: application/sdp\r\n")
			continue
		}
		b.WriteString(m + "\r\n")
	}
	b.WriteString("Content-Length: " + strconv.Itoa(len(sdp)) + "\r\n\r\n" + sdp)
	d.send(b.String())
}

package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// domain of the phones.
const domain = "example.com"

// serial makes branches and Call-IDs unique, also among runs.
var serial, run = atomic.Int64{}, time.Now().UnixNano()

func unique() string { return fmt.Sprintf("%x-%x", run, serial.Add(1)) }

// request is what differs between requests. What is empty is made up.
type request struct {
	method, uri, from, to, callID, branch string
	cseq                                  int
	via                                   netip.AddrPort
	more, proof                           []string // header lines; proof says who sends it
	body                                  string
}

func (r request) bytes() []byte {
	if r.callID == "" {
		r.callID = unique()
	}
	if r.branch == "" {
		r.branch = newBranch()
	}
	if r.from == "" {
		r.from = "<sip:someone@" + domain + ">;tag=f"
	}
	b := fmt.Appendf(make([]byte, 0, 512), "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		r.method, r.uri, r.via, r.branch, r.from, r.to, r.callID, max(r.cseq, 1), r.method)
	for _, line := range slices.Concat(r.more, r.proof) {
		b = append(append(b, line...), "\r\n"...)
	}
	return fmt.Appendf(b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
}

func newBranch() string { return "z9hG4bK" + unique() }

func aor(user string) string { return "sip:" + user + "@" + domain }

// register is a REGISTER of the user with these contacts.
func register(via netip.AddrPort, user string, contacts ...string) request {
	r := request{method: "REGISTER", uri: "sip:" + domain, to: "<" + aor(user) + ">", from: "<" + aor(user) + ">;tag=r", via: via}
	for _, c := range contacts {
		r.more = append(r.more, "Contact: <"+c+">")
	}
	return r
}

// toUser is a request to the user, as it begins a dialog or none.
func toUser(method string, via netip.AddrPort, user string) request {
	return request{method: method, uri: aor(user), to: "<" + aor(user) + ">", via: via, more: []string{fmt.Sprintf("Contact: <sip:someone@%s>", via)}}
}

// message is a received one: as much of it as phones need. The parser is this
// program's own, so that it does not share the proxies' faults.
type message struct {
	start   string
	headers [][2]string // name in lower case, value
}

func parse(b []byte) *message {
	head, _, _ := strings.Cut(string(b), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := &message{start: lines[0]}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		m.headers = append(m.headers, [2]string{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
	}
	return m
}

// code is the status code; 0 for a request.
func (m *message) code() int {
	rest, ok := strings.CutPrefix(m.start, "SIP/2.0 ")
	if !ok {
		return 0
	}
	n, _ := strconv.Atoi(rest[:min(3, len(rest))])
	return n
}

// method of a request.
func (m *message) method() string {
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

func (m *message) get(name string) string {
	if all := m.all(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (m *message) all(name string) (values []string) {
	for _, h := range m.headers {
		if h[0] == name {
			values = append(values, h[1])
		}
	}
	return values
}

// challenges are what a response asks for.
func (m *message) challenges() []string {
	return m.all(strings.ToLower(phones.ChallengeHeader(m.code())))
}

// branch is the topmost Via's.
func (m *message) branch() string {
	_, rest, _ := strings.Cut(m.get("via"), ";branch=")
	return rest[:len(rest)-len(strings.TrimLeft(rest, tokens))]
}

const tokens = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"

// between is what the first value has between < and >.
func between(value string) string {
	_, rest, _ := strings.Cut(value, "<")
	uri, _, _ := strings.Cut(rest, ">")
	return uri
}

// answerTo is the response to a received request (RFC 3261 8.2.6).
func answerTo(m *message, code int, reason, tag string, more ...string) []byte {
	b := fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", code, reason)
	for _, h := range m.headers {
		switch h[0] {
		case "via", "from", "call-id", "cseq", "record-route":
			b = fmt.Appendf(b, "%s: %s\r\n", h[0], h[1])
		case "to":
			if !strings.Contains(h[1], ";tag=") {
				h[1] += ";tag=" + tag
			}
			b = fmt.Appendf(b, "To: %s\r\n", h[1])
		}
	}
	for _, line := range more {
		b = fmt.Appendf(b, "%s\r\n", line)
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

// listen binds a UDP socket; port 0 is any.
func listen(at netip.AddrPort) (*net.UDPConn, netip.AddrPort, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, at, err
	}
	a := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return conn, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

// receive hands on what arrives until the socket is closed.
func receive(conn *net.UDPConn, take func(b []byte, from netip.AddrPort)) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err == nil {
			take(buf[:n], from)
		} else if isClosed(err) {
			return
		}
	}
}

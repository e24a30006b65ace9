package main

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// domain of the phones.
const domain = "example.com"

// message is a received one: as much of it as phones need. The parser is the
// test's own, so that it does not share the proxies' faults.
type message struct {
	start   string
	headers [][2]string // name in lower case, value
}

func parse(b []byte) (*message, error) {
	head, _, _ := strings.Cut(string(b), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := &message{start: lines[0]}
	if !strings.HasPrefix(m.start, "SIP/2.0 ") && !strings.HasSuffix(m.start, " SIP/2.0") {
		return nil, errors.New("no SIP message")
	}
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			return nil, fmt.Errorf("no header: %q", l)
		}
		m.headers = append(m.headers, [2]string{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
	}
	return m, nil
}

// code is the status code; 0 for a request.
func (m *message) code() int {
	if rest, ok := strings.CutPrefix(m.start, "SIP/2.0 "); ok {
		text, _, _ := strings.Cut(rest, " ")
		n, _ := strconv.Atoi(text)
		return n
	}
	return 0
}

func (m *message) get(name string) string {
	for _, h := range m.headers {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

// method is the CSeq's.
func (m *message) method() string {
	f := strings.Fields(m.get("cseq"))
	if len(f) != 2 {
		return ""
	}
	return f[1]
}

var branchPattern = regexp.MustCompile(`;branch=([^;,\s]+)`)

// branch is the topmost Via's.
func (m *message) branch() string {
	if x := branchPattern.FindStringSubmatch(m.get("via")); x != nil {
		return x[1]
	}
	return ""
}

// contactPattern is what contactURI makes.
var contactPattern = regexp.MustCompile(`sip:p(\d+)\.v(\d+)@`)

// contact is the phone and version in a contact's URI.
func contact(text string) (phone, version int, ok bool) {
	x := contactPattern.FindStringSubmatch(text)
	if x == nil {
		return 0, 0, false
	}
	phone, _ = strconv.Atoi(x[1])
	version, _ = strconv.Atoi(x[2])
	return phone, version, true
}

// listed are the versions of a 200's contacts.
func (m *message) listed() (versions []int) {
	for _, h := range m.headers {
		if h[0] != "contact" && h[0] != "m" {
			continue
		}
		for _, x := range contactPattern.FindAllStringSubmatch(h[1], -1) {
			v, _ := strconv.Atoi(x[2])
			versions = append(versions, v)
		}
	}
	return versions
}

func contactURI(phone, version int, at netip.AddrPort) string {
	return fmt.Sprintf("sip:p%d.v%d@%s", phone, version, at)
}

func aor(phone int) string { return fmt.Sprintf("sip:p%d@%s", phone, domain) }

// request is what differs between requests.
type request struct {
	method, uri, to, from, callID, branch string
	cseq                                  int
	via                                   netip.AddrPort
	more                                  []string // header lines
}

func (r request) bytes() []byte {
	lines := append([]string{
		r.method + " " + r.uri + " SIP/2.0",
		"Via: SIP/2.0/UDP " + r.via.String() + ";rport;branch=" + r.branch,
		"Max-Forwards: 70",
		"From: " + r.from,
		"To: " + r.to,
		"Call-ID: " + r.callID,
		fmt.Sprintf("CSeq: %d %s", r.cseq, r.method),
	}, r.more...)
	return []byte(strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n"))
}

// answerTo is the response to a received request (RFC 3261 8.2.6).
func answerTo(m *message, code int, reason string) []byte {
	lines := []string{fmt.Sprintf("SIP/2.0 %d %s", code, reason)}
	for _, h := range m.headers {
		switch h[0] {
		case "via":
			lines = append(lines, "Via: "+h[1])
		case "from":
			lines = append(lines, "From: "+h[1])
		case "call-id":
			lines = append(lines, "Call-ID: "+h[1])
		case "cseq":
			lines = append(lines, "CSeq: "+h[1])
		case "to":
			if !strings.Contains(h[1], ";tag=") {
				h[1] += ";tag=far"
			}
			lines = append(lines, "To: "+h[1])
		}
	}
	return []byte(strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n"))
}

// ackOf acknowledges a response other than 2xx to an INVITE (RFC 3261 17.1.1.3).
func ackOf(m *message, via netip.AddrPort) []byte {
	uri := m.get("to")
	if i, j := strings.Index(uri, "<"), strings.Index(uri, ">"); i >= 0 && j > i {
		uri = uri[i+1 : j]
	}
	n, _, _ := strings.Cut(m.get("cseq"), " ")
	cseq, _ := strconv.Atoi(n)
	return request{
		method: "ACK", uri: uri, to: m.get("to"), from: m.get("from"), callID: m.get("call-id"), branch: m.branch(), cseq: cseq, via: via,
	}.bytes()
}

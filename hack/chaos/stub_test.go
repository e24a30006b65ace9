package main

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// stub is a member that can be told to be wrong: a registrar and proxy, as
// simple as can be.
type stub struct {
	conn *net.UDPConn
	at   netip.AddrPort

	// What is wrong with it.
	forgets   bool // acknowledges, and keeps nothing
	remembers bool // acknowledges a removal, and keeps what was there
	hides     bool // lists the newest alone
	unordered bool // takes a REGISTER that is older than the last
	refuses   bool // answers 503
	silent    bool

	mu       sync.Mutex
	bindings map[string][]string // address-of-record to contacts' URIs
	cseq     map[string]int      // by Call-ID
	running  sync.WaitGroup
}

func startStub(t *testing.T, s *stub) *stub {
	t.Helper()
	conn, err := listen(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	s.conn, s.at, s.bindings, s.cseq = conn, local(conn), map[string][]string{}, map[string]int{}
	s.running.Go(func() { receive(conn, s.take) })
	t.Cleanup(func() {
		_ = conn.Close()
		s.running.Wait()
	})
	return s
}

func (s *stub) take(m *message, from netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	method, _, _ := strings.Cut(m.start, " ")
	switch {
	case s.silent:
	case m.code() != 0:
		s.passBack(m)
	case s.refuses:
		s.send(answerTo(m, 503, "Service Unavailable"), from)
	case method == "REGISTER":
		s.register(m, from)
	case method == "ACK":
	default:
		s.forward(m, from)
	}
}

func (s *stub) send(b []byte, to netip.AddrPort) { _, _ = s.conn.WriteToUDPAddrPort(b, to) }

var contactValue = regexp.MustCompile(`<([^>]+)>;expires=(\d+)`)

func (s *stub) register(m *message, from netip.AddrPort) {
	to := strings.Trim(m.get("to"), "<>")
	number, _, _ := strings.Cut(m.get("cseq"), " ")
	cseq, _ := strconv.Atoi(number)
	if cseq < s.cseq[m.get("call-id")] && !s.unordered {
		s.send(answerTo(m, 500, "Out of order"), from)
		return
	}
	s.cseq[m.get("call-id")] = cseq
	if m.get("contact") == "*" && !s.remembers {
		delete(s.bindings, to)
	}
	for _, c := range contactValue.FindAllStringSubmatch(m.get("contact"), -1) {
		has := slices.Contains(s.bindings[to], c[1])
		switch {
		case c[2] == "0" && !s.remembers:
			s.bindings[to] = slices.DeleteFunc(s.bindings[to], func(u string) bool { return u == c[1] })
		case c[2] != "0" && !has && !s.forgets:
			s.bindings[to] = append(s.bindings[to], c[1])
		}
	}
	response := string(answerTo(m, 200, "OK"))
	for i, u := range s.bindings[to] {
		if !s.hides || i == len(s.bindings[to])-1 && strings.Contains(m.get("contact"), u+">;expires=3600") {
			response = strings.Replace(response, "Content-Length", "Contact: <"+u+">;expires=3600\r\nContent-Length", 1)
		}
	}
	s.send([]byte(response), from)
}

// forward sends a request to the oldest contact.
func (s *stub) forward(m *message, from netip.AddrPort) {
	method, rest, _ := strings.Cut(m.start, " ")
	uri := strings.TrimSuffix(rest, " SIP/2.0")
	if len(s.bindings[uri]) == 0 {
		s.send(answerTo(m, 480, "Temporarily Unavailable"), from)
		return
	}
	to := s.bindings[uri][0]
	lines := []string{method + " " + to + " SIP/2.0", "Via: SIP/2.0/UDP " + s.at.String() + ";branch=" + m.branch() + "s"}
	_, host, _ := strings.Cut(to, "@")
	s.send(joined(lines, m.headers), netip.MustParseAddrPort(host))
}

// passBack sends a response on without our Via.
func (s *stub) passBack(m *message) {
	headers := m.headers[1:]
	_, rest, _ := strings.Cut(headers[0][1], " ")
	host, _, _ := strings.Cut(rest, ";")
	s.send(joined([]string{m.start}, headers), netip.MustParseAddrPort(host))
}

func joined(lines []string, headers [][2]string) []byte {
	for _, h := range headers {
		lines = append(lines, h[0]+": "+h[1])
	}
	return fmt.Appendf(nil, "%s\r\n\r\n", strings.Join(lines, "\r\n"))
}

package application

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/sipring/sipring/proxy/wire"
)

const (
	// maxAnswer is the longest answer that is read, in bytes.
	maxAnswer = 8 << 10
	// maxRead is how many messages are read for one answer.
	maxRead = 64
)

// question is one OPTIONS (RFC 3261 11) to the application, and its names.
type question struct {
	branch, callID string
	text           []byte
}

// newQuestion is one from an address to another over a protocol, with names that nobody can guess.
func newQuestion(protocol string, from, to netip.AddrPort) *question {
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails
	q := &question{branch: "z9hG4bK" + hex.EncodeToString(random[:8]), callID: hex.EncodeToString(random[8:16])}
	q.text = fmt.Appendf(nil, "OPTIONS sip:%[1]s SIP/2.0\r\n"+
		"Via: SIP/2.0/%[2]s %[3]s;rport;branch=%[4]s\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:sipring@%[3]s>;tag=%[5]x\r\n"+
		"To: <sip:%[1]s>\r\n"+
		"Call-ID: %[6]s\r\n"+
		"CSeq: 1 OPTIONS\r\n"+
		"Contact: <sip:sipring@%[3]s>\r\n"+
		"Accept: application/sdp\r\n"+
		"Content-Length: 0\r\n\r\n", to, protocol, from, q.branch, random[16:], q.callID)
	return q
}

// answer reads what may be the answer, and reports whether it is the final one. A message that is none, or that of
// another question, is not.
func (q *question) answer(message []byte) (r Result, final bool) {
	var m wire.Message
	if m.Scan(message, nil) != nil || m.IsRequest() {
		return Failed, false
	}
	via, err := m.TopVia()
	if err != nil || string(via.Branch()) != q.branch || string(m.CallID()) != q.callID || m.CSeqMethod() != wire.MethodOptions {
		return Failed, false
	}
	return statusResult(m.StatusCode())
}

// statusResult is what a status code says. Whoever answers lives: 404, 405 and 501 are as good as 200. A provisional one
// is followed by another.
func statusResult(code int) (r Result, final bool) {
	switch {
	case code < 200:
		return Failed, false
	case code == 408 || code == 500 || code == 503 || code == 504:
		return Failed, true
	}
	return Healthy, true
}

// Host is where the application beside a member is, by the address of that: 127.0.0.1 of its pod or machine, or, where
// several members share one and each has a loopback address of its own, that one.
func Host(member string) netip.Addr {
	if own, err := netip.ParseAddr(member); err == nil && own.IsLoopback() {
		return own
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

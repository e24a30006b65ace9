package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// returner is a phone that has one connection at a time.
type returner struct {
	user, callID string
	from         netip.Addr
	cseq         int
	conn         net.Conn
	text         *bufio.Reader
	declined     bool // a call has come over the connection
}

// returnTime is how long a phone may take to be back.
const returnTime = 30 * time.Second

// close loses the connection: nothing is said.
func (r *returner) close() {
	if r.conn == nil {
		return
	}
	c := r.conn
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close()
	r.conn = nil
}

// open opens a connection. begun is called when it has begun.
func (r *returner) open(ctx context.Context, over string, to netip.AddrPort, begun func()) error {
	d := dialer(r.from)
	d.Timeout = returnTime
	c, err := d.DialContext(ctx, "tcp", to.String())
	begun()
	if err != nil {
		return err
	}
	_ = c.SetDeadline(time.Now().Add(returnTime))
	if over == "TLS" {
		t := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		if err := t.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return err
		}
		c = t
	}
	r.conn, r.text, r.declined = c, bufio.NewReader(c), false
	return nil
}

// register opens a connection and registers over it; what it got, if that is no 200.
func (r *returner) register(ctx context.Context, over string, to netip.AddrPort, begun func()) (answer string) {
	ctx, cancel := context.WithTimeout(ctx, returnTime)
	defer cancel()
	if err := r.open(ctx, over, to, begun); err != nil {
		return "no connection"
	}
	r.cseq++
	via := netip.MustParseAddrPort(r.conn.LocalAddr().String())
	m := register(via, r.user, fmt.Sprintf("sip:%s@%s;transport=%s", r.user, via, over))
	m.callID, m.cseq = r.callID, r.cseq
	m.more[0] += `;+sip.instance="<urn:uuid:` + r.user + `>"`
	if _, err := io.WriteString(r.conn, strings.Replace(string(m.bytes()), "SIP/2.0/UDP", "SIP/2.0/"+over, 1)); err != nil {
		return "the connection ended"
	}
	for {
		switch got, err := r.next(); {
		case err != nil:
			return "no answer"
		case got.method() == "INVITE": // that waited: the binding is there before the answer is here
			r.refuse(got)
		case got.code() != 200:
			return got.start
		default:
			return ""
		}
	}
}

// refuse answers a call.
func (r *returner) refuse(invite *message) {
	_, _ = r.conn.Write(answerTo(invite, 486, "Busy Here", "far"))
	r.declined = true
}

// next reads a message, which has no body.
func (r *returner) next() (*message, error) {
	var head strings.Builder
	for {
		line, err := r.text.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line == "\r\n" && head.Len() > 0 {
			return parse([]byte(head.String())), nil
		}
		head.WriteString(line)
	}
}

// decline answers the call that comes, if none has; what is wrong, if none does.
func (r *returner) decline() (fault string) {
	if r.conn == nil || r.declined {
		return ""
	}
	m, err := r.next()
	if err != nil || m.method() != "INVITE" {
		return "their call did not come"
	}
	r.refuse(m)
	return ""
}

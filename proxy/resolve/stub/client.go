package stub

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/sipring/sipring/proxy/resolve"
)

// Client asks name servers. Safe for concurrent use.
type Client struct {
	conf, hosts *file
	fixed       []netip.AddrPort
}

// New returns one that follows a resolv.conf and a file of hosts.
func New(resolvConf, hosts string) *Client {
	return &Client{conf: newFile(resolvConf), hosts: newFile(hosts)}
}

// At returns one that asks these servers, and knows no hosts.
func At(servers ...netip.AddrPort) *Client { return &Client{fixed: servers} }

const (
	// maxServers and the fewest and most tries are of one Ask.
	maxServers         = 3
	minTries, maxTries = 2, 3
	// datagram is the size that is asked for (RFC 6891), maxDatagram what is read.
	datagram    = 1232
	maxDatagram = 4096
	// maxStray is how many datagrams of a try are no answers to what was asked.
	maxStray = 64
	// askTime bounds an Ask whose context has no end.
	askTime = 5 * time.Second
)

// exchange is one Ask.
type exchange struct {
	context   context.Context
	end       time.Time
	questions []resolve.Question
	answers   []resolve.Answer
	open      []bool // not answered yet
	ids       []uint16
	bare      []bool // sent without EDNS
	plain     bool   // the server knows no EDNS (RFC 6891 7)
	buf       [maxDatagram]byte
}

// Ask returns an answer to each question, in their order, when all are there, or soon
// after the context has ended, or when all servers have failed.
func (c *Client) Ask(ctx context.Context, questions []resolve.Question) []resolve.Answer {
	end, has := ctx.Deadline()
	if !has {
		end = time.Now().Add(askTime)
	}
	e := &exchange{
		context: ctx, end: end, questions: questions,
		answers: make([]resolve.Answer, len(questions)), open: make([]bool, len(questions)), ids: make([]uint16, len(questions)), bare: make([]bool, len(questions)),
	}
	known := c.hosts.asHosts()
	for i, q := range questions {
		switch list, here := known[q.Name]; {
		case here:
			e.answers[i] = hostAnswer(list, q.Type)
		case !isName(q.Name):
			e.answers[i].Status = resolve.None
		default:
			e.open[i] = true
		}
	}
	servers := c.servers()
	tries := min(max(len(servers), minTries), maxTries)
	for n := 0; n < tries && e.waits() && ctx.Err() == nil; n++ {
		left := time.Until(e.end)
		e.try(servers[n%len(servers)], time.Now().Add(left/time.Duration(tries-n)))
	}
	return e.answers
}

// servers are those to ask, as libc has it: the host itself if none is named.
func (c *Client) servers() []netip.AddrPort {
	if len(c.fixed) > 0 {
		return c.fixed
	}
	return c.conf.asServers()
}

func (e *exchange) waits() bool {
	for _, open := range e.open {
		if open {
			return true
		}
	}
	return false
}

// try asks one server what is open, until a time.
func (e *exchange) try(server netip.AddrPort, until time.Time) {
	dialer := net.Dialer{Deadline: until}
	conn, err := dialer.DialContext(e.context, "udp", server.String())
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(e.context, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // which ends what is read below
	if conn.SetDeadline(until) != nil || e.context.Err() != nil {
		return
	}
	pending := 0
	for i := range e.questions {
		if e.open[i] && e.send(conn, i) {
			pending++
		}
	}
	for stray := 0; pending > 0 && stray < maxStray; {
		n, err := conn.Read(e.buf[:])
		if err != nil { // the time is over, or nobody listens there
			return
		}
		i, m := e.match(e.buf[:n])
		if m == nil {
			stray++
			continue
		}
		if m.Rcode == dns.RcodeFormatError && !e.bare[i] {
			if e.plain = true; e.send(conn, i) {
				continue
			}
		}
		e.ids[i] = 0 // answered by this server
		pending--
		if m.Truncated {
			now := time.Now()
			if m = e.overTCP(server, i, now.Add(until.Sub(now)/2)); m == nil { // the rest is for what else there is to read
				continue
			}
		}
		if a := read(m, e.questions[i]); a.Status != resolve.Failed {
			e.answers[i], e.open[i] = a, false
		}
	}
}

// message is the i-th question as it is sent.
func (e *exchange) message(i int) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(e.questions[i].Name), typeOf(e.questions[i].Type)) // with a number that nobody can guess
	if m.Id == 0 {
		m.Id = 1 // 0 is none
	}
	if !e.plain {
		m.SetEdns0(datagram, false)
	}
	return m
}

func (e *exchange) send(conn net.Conn, i int) bool {
	m := e.message(i)
	text, err := m.Pack()
	if err != nil {
		e.open[i] = false // nobody can be asked that
		return false
	}
	e.ids[i], e.bare[i] = m.Id, e.plain
	_, err = conn.Write(text)
	return err == nil
}

// match returns the question that a datagram answers, and the answer; nil if it is none.
func (e *exchange) match(text []byte) (int, *dns.Msg) {
	m := new(dns.Msg)
	if err := m.Unpack(text); err != nil && !m.Truncated {
		return 0, nil
	}
	for i, id := range e.ids {
		if e.open[i] && id != 0 && id == m.Id && isAnswer(m, e.questions[i]) {
			return i, m
		}
	}
	return 0, nil
}

// isAnswer reports whether a message answers a question. A server that does not understand
// it may leave it out.
func isAnswer(m *dns.Msg, q resolve.Question) bool {
	if !m.Response || m.Opcode != dns.OpcodeQuery {
		return false
	}
	if len(m.Question) == 0 {
		return m.Rcode == dns.RcodeFormatError
	}
	return len(m.Question) == 1 && m.Question[0].Qtype == typeOf(q.Type) && m.Question[0].Qclass == dns.ClassINET &&
		canonical(m.Question[0].Name) == q.Name
}

// overTCP asks again, until a time, what does not fit into a datagram (RFC 7766 5); nil:
// there is no answer.
func (e *exchange) overTCP(server netip.AddrPort, i int, until time.Time) *dns.Msg {
	dialer := net.Dialer{Deadline: until}
	conn, err := dialer.DialContext(e.context, "tcp", server.String())
	if err != nil {
		return nil
	}
	defer conn.Close()
	defer context.AfterFunc(e.context, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if conn.SetDeadline(until) != nil || e.context.Err() != nil {
		return nil
	}
	over, ask := &dns.Conn{Conn: conn}, e.message(i)
	if over.WriteMsg(ask) != nil {
		return nil
	}
	m, err := over.ReadMsg()
	if err != nil || m.Id != ask.Id || !isAnswer(m, e.questions[i]) {
		return nil
	}
	return m
}

// Paths of the files of a host.
const (
	ResolvConf = "/etc/resolv.conf"
	Hosts      = "/etc/hosts"
)

// isName reports whether DNS can be asked for a name.
func isName(name string) bool {
	_, ok := dns.IsDomainName(name)
	return ok && name != "" && !strings.Contains(name, `\`)
}

package transaction

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// rigStart is when a rig's time begins: a multiple of the tick, so that timers
// fire to the millisecond.
const rigStart = 1_000_000

// rig drives one context through a script and writes down what it does.
//
// Steps of a script, and what they stand for:
//
//	INVITE, BYE, ACK, CANCEL ...  a request from upstream
//	fork 1 2                      Fork to targets 1 and 2
//	fork a 1 2 b 3                1 and 2 are of one group, 3 is of another
//	again 1 2                     ForkAgain
//	over 1                        Lost, of the connection to target 1
//	keep                          requests that ring are kept on
//	left 1 2                      Untried
//	lapse, lapse again            Lapse
//	expire 100                    Expire of what is stranded since then
//	seeks                         Seeks
//	provisional 182               Provisional
//	refuse 404                    Refuse
//	answer 404                    Refuse, of what something was sent for before
//	1 180                         a response from target 1
//	1 200 CANCEL                  a response from target 1 to the CANCEL
//	1 error                       TransportError
//	1 dead                        from now on the outlet refuses target 1
//	yield                         Yield
//	wait 500                      500 ms pass
//
// What is written down: milliseconds since the start, then "up 180",
// "down 1 INVITE", "cancel 200" (to the source of a CANCEL),
// "silent", "unacked", "lost" and "settled" (Again), "done", and "= new" for what a step returned.
type rig struct {
	t     *testing.T
	table *Table
	now   int64
	log   []string
	raw   [][]byte // of the messages in log, in order
	dead  map[uint32]bool
	local []bool // of the responses sent

	up, down bool // reliable
	keeps    bool // a request that rings is kept on
}

func newRig(t *testing.T, o Options) *rig {
	r := &rig{t: t, now: rigStart, dead: map[uint32]bool{}}
	if o.Silent != nil {
		o.Silent = func(*ResponseContext) { r.write("silent") }
	}
	if o.Unacked != nil {
		o.Unacked = func(*ResponseContext) { r.write("unacked") }
	}
	if o.Answered != nil {
		o.Answered = func(c *ResponseContext, status int, waited int64) {
			r.write("answered %s %d after %d, setup %t", c.Method(), status, waited, c.Setup())
		}
	}
	r.table = NewTable(o, r)
	for i := range r.table.shards {
		r.table.shards[i].pool.poisoned = true
	}
	r.table.Tick(r.now)
	return r
}

func (r *rig) write(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf("%d ", r.now-rigStart)+fmt.Sprintf(format, args...))
}

func (r *rig) message(what string, b []byte) {
	r.t.Helper()
	var m wire.Message
	if err := m.Scan(b, nil); err != nil || bytes.IndexByte(b, poison) >= 0 {
		r.t.Errorf("sent what is no message: %v\n%q", err, b)
	}
	r.raw = append(r.raw, bytes.Clone(b))
	if m.IsRequest() {
		r.write("%s %s", what, m.MethodBytes())
	} else {
		r.write("%s %d", what, m.StatusCode())
	}
}

// Upstream implements Outlet.
func (r *rig) Upstream(_ *ResponseContext, to flow.Flow, response []byte, local bool) {
	r.local = append(r.local, local)
	switch cancel := scan(r.t, response).CSeqMethod() == wire.MethodCancel; {
	case cancel && to.Conn == connCancel:
		r.message("cancel", response)
	case !cancel && (to.Conn == connRequest || r.up && to.Conn == connCancel):
		r.message("up", response)
	default:
		r.t.Errorf("sent to %+v, which was no source", to)
	}
}

// Downstream implements Outlet.
func (r *rig) Downstream(_ *ResponseContext, b *Branch, message []byte) bool {
	if b.Target().Bytes != nil {
		r.t.Error("Target holds bytes")
	}
	r.message("down "+strconv.Itoa(int(b.Target().Branch.Target)), message)
	return !r.dead[b.Target().Branch.Target]
}

// watch does what may end the context, and writes down if it has.
func (r *rig) watch(event func()) {
	held := r.table.Has(rigKey)
	if event(); held && !r.table.Has(rigKey) {
		r.write("done")
	}
}

// run takes the steps of a script, separated by line ends or commas.
func (r *rig) run(script string) {
	r.t.Helper()
	for step := range strings.SplitSeq(strings.ReplaceAll(script, "\n", ","), ",") {
		if f := strings.Fields(step); len(f) > 0 {
			r.step(f)
		}
	}
}

func (r *rig) step(f []string) {
	r.t.Helper()
	target, err := strconv.Atoi(f[0])
	switch {
	case f[0] == "wait":
		r.wait(number(f[1]))
	case f[0] == "fork":
		r.fork(f[1:], nil)
	case f[0] == "again":
		r.fork(f[1:], r)
	case f[0] == "over":
		r.watch(func() { r.table.Lost(r.now, func(f2 flow.Flow) bool { return f2.Conn == uint64(number(f[1])) }) })
	case f[0] == "keep":
		r.keeps = true
	case f[0] == "left":
		var left []uint32
		for _, t := range r.table.Untried(r.now, rigKey, r.targets(f[1:])) {
			left = append(left, t.Branch.Target)
		}
		r.write("= %v", left)
	case f[0] == "lapse":
		again := Again(nil)
		if len(f) > 1 {
			again = r
		}
		r.result(func() bool { return r.table.Lapse(r.now, rigKey, again) })
	case f[0] == "expire":
		since, others := int64(0), false
		r.watch(func() { since, others = r.table.Expire(r.now, rigKey, rigStart+number(f[1])) })
		if others {
			since -= rigStart
		}
		r.write("= %d %v", since, others)
	case f[0] == "seeks":
		r.write("= %v", r.table.Seeks(rigKey))
	case f[0] == "provisional":
		r.result(func() bool { return r.table.Provisional(r.now, rigKey, byProxy(r.t, int(number(f[1])))) })
	case f[0] == "answer":
		r.result(func() bool { return r.answer(int(number(f[1]))) })
	case f[0] == "refuse":
		r.result(func() bool { return r.table.Refuse(r.now, rigKey, byProxy(r.t, int(number(f[1])))) })
	case f[0] == "trying":
		r.result(func() bool { return r.table.Trying(r.now, rigKey) })
	case f[0] == "yield":
		answered, yielded := r.table.Answered(rigKey), false
		r.watch(func() { yielded = r.table.Yield(r.now, rigKey) })
		r.write("= %v %v", answered, yielded)
	case f[0] == "abandon":
		r.result(func() bool { return r.table.Abandon(r.now, rigKey) })
	case err != nil:
		src := flow.Flow{Remote: netip.MustParseAddrPort("192.0.2.1:40000"), Conn: connRequest, Transport: transport(r.up)}
		if f[0] == "CANCEL" {
			src.Conn = connCancel
		}
		var d Disposition
		r.watch(func() { d = r.table.Request(r.now, rigKey, scan(r.t, request(f[0])), src, Known) })
		r.write("= %v", d)
	case f[1] == "error":
		r.result(func() bool { return r.table.TransportError(r.now, rigKey, rigBranch(target)) })
	case f[1] == "dead":
		r.dead[uint32(target)] = true
	default:
		r.respond(target, f[1:])
	}
}

func (r *rig) wait(ms int64) {
	for end := r.now + ms; r.now < end; {
		r.now = min(r.now+tickMillis, end)
		r.watch(func() { r.table.Tick(r.now) })
	}
}

// Lost, Rings, Stranded and Settled implement Again.
func (r *rig) Lost()       { r.write("lost") }
func (r *rig) Rings() bool { return r.keeps }
func (r *rig) Stranded(since int64) {
	if since == r.now {
		r.write("stranded")
	} else {
		r.write("stranded since %d", since-rigStart)
	}
}
func (r *rig) Settled() { r.write("settled") }

func (r *rig) fork(f []string, again Again) {
	targets := r.targets(f)
	r.result(func() bool { return r.table.ForkAgain(r.now, rigKey, targets, again) })
}

func (r *rig) targets(f []string) (targets []Target) {
	group := uint64(0)
	for _, s := range f {
		if len(s) == 1 && s[0] >= 'a' {
			group = uint64(s[0])
			continue
		}
		n := int(number(s))
		to := flow.Flow{Remote: netip.MustParseAddrPort("198.51.100.1:5060"), Transport: transport(r.down)}
		if r.down {
			to.Conn = uint64(n)
		}
		targets = append(targets, Target{Branch: rigBranch(n), Bytes: forwarded(methodOf(r), n), Group: group, Flow: to, Last: group == lastGroup})
	}
	return targets
}

// lastGroup is that of the targets that are Last.
const lastGroup = 'z'

// transport is one that is reliable, or not.
func transport(reliable bool) flow.Transport {
	if reliable {
		return flow.TCP
	}
	return flow.UDP
}

func (r *rig) respond(target int, f []string) {
	r.t.Helper()
	method := methodOf(r)
	if len(f) > 1 {
		method = f[1]
	}
	resp := scan(r.t, response(method, target, int(number(f[0]))))
	var e wire.Edit
	e.Reset(resp)
	e.RemoveTopVia()
	r.result(func() bool {
		return r.table.Response(r.now, rigKey, rigBranch(target), resp, e.Append(nil)) != NoBranch
	})
}

// answer is Refuse where something was sent for the request before.
func (r *rig) answer(status int) bool {
	s, c := r.table.lock(r.now, rigKey)
	ok := c != nil && c.open()
	if ok {
		c.answer(&s.event, status, byProxy(r.t, status))
	}
	r.table.unlock(s, c)
	return ok
}

// byProxy is a response that the caller of the table makes.
func byProxy(t testing.TB, status int) []byte {
	return wire.AppendResponse(nil, scan(t, request("INVITE")), status, "By Proxy", []byte("px"), nil)
}

// result takes an event, and writes down what is not as usual.
func (r *rig) result(event func() bool) {
	ok := false
	if r.watch(func() { ok = event() }); !ok {
		r.write("= false")
	}
}

const (
	connRequest = 101
	connCancel  = 102
)

var rigKey = token.TxID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}

func rigBranch(n int) token.Branch { return token.Branch{Tx: rigKey, Target: uint32(n), Loop: 7} }

// methodOf is the method of the rig's context, INVITE if there is none.
func methodOf(r *rig) string {
	for i := range r.table.shards {
		if c := r.table.shards[i].index.get(rigKey); c != nil && c.server.method != wire.MethodOther {
			return c.server.method.String()
		}
	}
	return "INVITE"
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// request is what upstream sends.
func request(method string) []byte {
	return []byte(method + " sip:bob@example.com SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP phone.example.net:5060;rport;branch=z9hG4bKup\r\n" +
		"Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKfar\r\n" +
		"Max-Forwards: 70\r\n" +
		"From: Alice <sip:alice@example.net>;tag=a1\r\n" +
		"To: Bob <sip:bob@example.com>\r\n" +
		"Call-ID: call-1\r\n" +
		"CSeq: 314159 " + method + "\r\n" +
		"Content-Length: 4\r\n\r\nv=0\n")
}

// forwarded is that request as it leaves for target n.
func forwarded(method string, n int) []byte {
	b := bytes.Replace(request(method), []byte("Via:"), fmt.Appendf(nil, "Via: SIP/2.0/UDP sip.example.com;branch=z9hG4bKown%d\r\nVia:", n), 1)
	b = bytes.Replace(b, []byte("sip:bob@example.com SIP"), fmt.Appendf(nil, "sip:bob@198.51.100.%d SIP", n), 1)
	return bytes.Replace(b, []byte("Max-Forwards"), []byte("Route: <sip:edge.example.org;lr>\r\nRoute: <sip:inner.example.org;lr>\r\nMax-Forwards"), 1)
}

// response is what target n answers to it.
func response(method string, n, status int) []byte {
	var m wire.Message
	if err := m.Scan(forwarded("INVITE", n), nil); err != nil {
		panic(err)
	}
	var extra []byte
	switch status {
	case 401:
		extra = fmt.Appendf(nil, "WWW-Authenticate: Digest realm=\"%d\"\r\n", n)
	case 407:
		extra = fmt.Appendf(nil, "Proxy-Authenticate: Digest realm=\"%d\"\r\n", n)
	}
	b := wire.AppendResponse(nil, &m, status, "From Target", fmt.Appendf(nil, "b%d", n), extra)
	return bytes.Replace(b, []byte("314159 INVITE"), []byte("314159 "+method), 1)
}

func scan(t testing.TB, b []byte) *wire.Message {
	t.Helper()
	m := &wire.Message{}
	if err := m.Scan(b, nil); err != nil {
		t.Fatalf("scan %q: %v", b, err)
	}
	return m
}

// story is a script and what must come of it.
type story struct {
	up, down bool // reliable
	silent   bool // Options.Silent is set
	unacked  bool // Options.Unacked is set
	script   string
	want     string // lines, "wait" steps show as times
}

// tell runs stories, each on a table of its own.
func tell(t *testing.T, stories map[string]story) {
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			var o Options
			if s.silent {
				o.Silent = func(*ResponseContext) {}
			}
			if s.unacked {
				o.Unacked = func(*ResponseContext) {}
			}
			r := newRig(t, o)
			r.up, r.down = s.up, s.down
			r.run(s.script)
			want := strings.FieldsFunc(s.want, func(c rune) bool { return c == '\n' || c == ',' })
			for i := range want {
				want[i] = strings.TrimSpace(want[i])
			}
			for len(want) > 0 && want[len(want)-1] == "" {
				want = want[:len(want)-1]
			}
			for len(want) > 0 && want[0] == "" {
				want = want[1:]
			}
			if diff := cmp.Diff(want, r.log); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			r.ends()
		})
	}
}

// ends lets so much time pass that the context must have left, and checks that
// it left nothing behind.
func (r *rig) ends() {
	r.t.Helper()
	for range 400 {
		r.now += 1000
		r.table.Tick(r.now)
	}
	if n := r.table.Len(); n != 0 {
		r.t.Errorf("%d contexts are left", n)
	}
	checkEmpty(r.t, r.table)
}

// checkEmpty checks that an empty table holds no buffers, timers or entries.
func checkEmpty(t testing.TB, table *Table) {
	t.Helper()
	for i := range table.shards {
		s := &table.shards[i]
		if s.index.count != 0 || s.held != 0 || s.stats.Open != 0 {
			t.Errorf("shard %d: %d indexed, %d held, %d open", i, s.index.count, s.held, s.stats.Open)
		}
		if s.pool.bytes != 0 {
			t.Errorf("shard %d: %d bytes of buffers not returned", i, s.pool.bytes)
		}
		for j, n := range s.pool.used {
			if n != 0 {
				t.Errorf("shard %d: %d buffers of %d bytes not returned", i, n, bufferSizes[j])
			}
		}
		for _, c := range s.wheel.slots {
			if c != nil {
				t.Errorf("shard %d: a context is left in the wheel", i)
			}
		}
	}
}

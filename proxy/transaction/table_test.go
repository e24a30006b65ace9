package transaction

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
)

// Timers fire in the tick after they are due, never before, whatever the order
// in which they are set and however the clock moves.
func TestWheelFiresInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		now := rapid.Int64Range(0, 1<<41).Draw(t, "start")
		w.skip(now)
		due := map[*ResponseContext]int64{}
		var contexts []*ResponseContext
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "set") {
				contexts = append(contexts, &ResponseContext{})
				c := contexts[rapid.IntRange(0, len(contexts)-1).Draw(t, "which")]
				at := now + rapid.Int64Range(-100, 200_000).Draw(t, "in")
				w.schedule(c, at)
				at = max(at, now) // what is past is due at once
				if old, ok := due[c]; ok {
					at = min(at, old) // as moving a timer away leaves it
				}
				due[c] = at
				continue
			}
			now += rapid.Int64Range(0, 100_000).Draw(t, "pass")
			for fired, ok := w.advance(now); ok; fired, ok = w.advance(now) {
				for fired != nil {
					c := fired
					fired, c.place.prev = c.place.prev, nil
					if due[c] > now {
						t.Fatalf("due at %d, fired at %d", due[c], now)
					}
					delete(due, c)
				}
			}
			for _, at := range due {
				if at <= now-tickMillis {
					t.Fatalf("due at %d, not fired at %d", at, now)
				}
			}
		}
	})
}

func TestRFC3261_Table4_Timers(t *testing.T) {
	tests := map[string]struct {
		timers Timers
		want   intervals
	}{
		"defaults": {want: intervals{t1: 500, t2: 4000, t4: 5000, c: 185_000, d: 32_000, ring: 600_000, gone: 8000, last: 20_000, timeout: 32_000, late100: 3500}},
		"all set": {
			timers: Timers{
				T1: 10 * time.Millisecond, T2: 40 * time.Millisecond, T4: 50 * time.Millisecond,
				C: time.Second, D: 2 * time.Second, Ring: 3 * time.Second, Gone: 4 * time.Second, Last: 5 * time.Second,
			},
			want: intervals{t1: 10, t2: 40, t4: 50, c: 1000, d: 2000, ring: 3000, gone: 4000, last: 5000, timeout: 640, late100: 30},
		},
		"T1 above T2": {
			timers: Timers{T1: 5 * time.Second, T2: time.Second},
			want: intervals{
				t1: 5000, t2: 1000, t4: 5000, c: 185_000, d: 32_000, ring: 600_000, gone: 8000, last: 20_000, timeout: 320_000, late100: 0,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.timers.intervals(), cmp.AllowUnexported(intervals{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestMaxContexts(t *testing.T) {
	table := NewTable(Options{MaxContexts: 2}, nowhere{})
	invite := scan(t, request("INVITE"))
	request := func(n byte) Disposition {
		return table.Request(rigStart, token.TxID{1, 0, 0, 0, n}, invite, flow.Flow{Transport: flow.TCP}, Known)
	}
	var got []Disposition
	for n := range byte(4) {
		got = append(got, request(n))
	}
	got = append(got, request(1))
	table.Tick(rigStart + 32_000) // nobody forked: 408
	table.Tick(rigStart + 64_000) // no ACK came
	got = append(got, request(5))
	want := []Disposition{New, New, Overloaded, Overloaded, Retransmission, New}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	wantStats := Stats{Held: 1, Open: 1, Setups: 1, Created: 3, Overloaded: 2, Repeated: 1, Unacked: 2}
	if diff := cmp.Diff(wantStats, table.Stats()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A few senders of large requests, however few transactions that are.
func TestMaxBytes(t *testing.T) {
	const most = 8 << 20
	table := NewTable(Options{MaxBytes: most}, nowhere{})
	large := scan(t, bytes.Replace(request("INVITE"), []byte("Via:"), fmt.Appendf(nil, "Via: SIP/2.0/UDP x;%s\r\nVia:", strings.Repeat("p", 6000)), 1))
	key := func(n uint64) (id token.TxID) {
		binary.LittleEndian.PutUint64(id[4:], n)
		return id
	}
	held := uint64(0)
	source := func() flow.Flow { return from(netip.AddrFrom4([4]byte{10, byte(held >> 8), byte(held), 1}).String()) }
	for table.Request(rigStart, key(held), large, source(), Known) == New {
		table.Fork(rigStart, key(held), []Target{{Branch: token.Branch{Tx: key(held)}, Bytes: large.Raw}})
		held++
	}
	each := uint64(8192 + 8192)
	if held < most/each || held > (most+shards*granule)/each+1 {
		t.Errorf("%d contexts of %d bytes", held, each)
	}
	if d := table.Request(rigStart, key(0), large, flow.Flow{}, Known); d != Retransmission {
		t.Errorf("a retransmission is %v", d)
	}
	for now := int64(rigStart); table.Len() > 0; now += 1000 {
		table.Tick(now)
	}
	if d := table.Request(rigStart+500_000, key(held), large, flow.Flow{}, Known); d != New {
		t.Errorf("when all is over a request is %v", d)
	}
}

// What a burst has left idle is given back as its contexts end.
func TestIdleMemoryFollowsWhatIsInUse(t *testing.T) {
	var m shard
	var contexts []*ResponseContext
	for range 3000 {
		c := m.takeContext()
		c.best.response, c.server.last = m.pool.take(60_000), m.pool.take(1000)
		contexts = append(contexts, c)
	}
	for _, c := range contexts {
		c.end(&m.event)
		m.pool.flush()
		m.dropContext(c)
	}
	m.arena = make([]byte, 1<<18)
	m.begin(0)
	idle := cap(m.arena)
	for i := range m.pool.free {
		for _, b := range m.pool.free[i][:cap(m.pool.free[i])] {
			idle += cap(b)
		}
	}
	if len(m.contexts) > spareContexts || idle > 2*spareBytes || m.pool.bytes != 0 {
		t.Errorf("%d contexts and %d bytes lie idle, %d are held", len(m.contexts), idle, m.pool.bytes)
	}
}

func TestMaxBranches(t *testing.T) {
	r := newRig(t, Options{})
	r.run("INVITE")
	targets := make([]Target, 2*MaxBranches)
	for i := range targets {
		targets[i] = Target{Branch: rigBranch(i), Bytes: forwarded("INVITE", i)}
	}
	r.log = nil
	r.table.Fork(r.now, rigKey, targets)
	if got, want := len(r.log), 1+MaxBranches; got != want {
		t.Errorf("sent %d messages, want %d", got, want)
	}
	r.ends()
}

func TestStats(t *testing.T) {
	tests := map[string]struct {
		script string
		want   Stats
	}{
		"timeout":      {"INVITE, fork 1, wait 600, INVITE, wait 31400, ACK, wait 5000", Stats{Created: 1, Repeated: 1, Resent: 7, TimedOut: 1}},
		"late success": {"INVITE, fork 1, 1 180, CANCEL, 1 200", Stats{Held: 1, Created: 1, Cancelled: 1}},
		"too late": {
			"INVITE, fork 1, 1 180, CANCEL, 1 200 CANCEL, 1 487, 1 200",
			Stats{Held: 1, Created: 1, Cancelled: 1, LateSuccesses: 1},
		},
		"unreachable": {"BYE, fork 1, 1 error", Stats{Held: 1, Created: 1, Unreachable: 1}},
		"unanswered":  {"BYE, wait 32000", Stats{Created: 1, Unanswered: 1}},
		"rung out":    {"INVITE, fork 1," + strings.Repeat("1 180, wait 120000,", 5) + "1 487, ACK, wait 32000", Stats{Created: 1, RungOut: 1}},
		"open":        {"BYE, fork 1", Stats{Held: 1, Open: 1, Created: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.run(tt.script)
			if diff := cmp.Diff(tt.want, r.table.Stats()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			r.ends()
		})
	}
}

// Refuse takes nothing that is no failure.
func TestRefuseTakesFailuresAlone(t *testing.T) {
	tests := map[string]string{
		"nothing":       "",
		"a request":     "INVITE sip:a@b SIP/2.0\r\n\r\n",
		"a short line":  "SIP/2.0 20",
		"no number":     "SIP/2.0 2x0 OK\r\n\r\n",
		"status 099":    "SIP/2.0 099 Low\r\n\r\n",
		"status 700":    "SIP/2.0 700 High\r\n\r\n",
		"other version": "SIP/3.0 200 OK\r\n\r\n",
	}
	for name, response := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.run("INVITE")
			if r.table.Refuse(r.now, rigKey, []byte(response)) {
				t.Error("was sent")
			}
		})
	}
}

// The outlet gets the flows that the table was given.
func TestFlowsComeBackAsTheyWere(t *testing.T) {
	source := flow.Flow{
		Remote: netip.MustParseAddrPort("192.0.2.1:5060"), Conn: 2, Socket: 3, Owner: 4, Life: 5, Transport: flow.TLS,
	}
	target := Target{
		Branch: rigBranch(1), Bytes: forwarded("INVITE", 1),
		Flow: flow.Flow{Remote: netip.MustParseAddrPort("192.0.2.2:5060"), Conn: 6, Socket: 7, Owner: 8, Life: 9, Transport: flow.WSS},
	}
	w := &witness{t: t}
	table := NewTable(Options{}, w)
	table.Request(rigStart, rigKey, scan(t, request("INVITE")), source, Known)
	table.Fork(rigStart, rigKey, []Target{target})
	if !table.Has(rigKey) || table.Has(token.TxID{9}) {
		t.Error("Has is wrong")
	}
	resp := scan(t, response("INVITE", 1, 486))
	if table.Response(rigStart, rigKey, rigBranch(2), resp, resp.Raw) != NoBranch || table.TransportError(rigStart, rigKey, rigBranch(2)) {
		t.Error("took a response to a branch that there is not")
	}
	table.Response(rigStart, rigKey, rigBranch(1), resp, resp.Raw)
	table.Request(rigStart, rigKey, scan(t, request("ACK")), source, Known)
	want := []any{
		source, rigKey, "INVITE", 0, // 100
		target.Flow, 0, // INVITE
		target.Flow, 486, // ACK
		source, rigKey, "INVITE", 486,
	}
	if diff := cmp.Diff(want, w.seen, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// witness writes down what it is told.
type witness struct {
	t    *testing.T
	seen []any
}

func (w *witness) Upstream(c *ResponseContext, to flow.Flow, _ []byte, _ bool) {
	if to != c.server.source {
		w.t.Errorf("sent to %+v, not to %+v", to, c.server.source)
	}
	w.seen = append(w.seen, to, c.Key(), c.server.method.String(), int(c.server.status))
}

func (w *witness) Downstream(_ *ResponseContext, b *Branch, _ []byte) bool {
	t := b.Target()
	w.seen = append(w.seen, t.Flow, int(b.status))
	return true
}

package transaction

import (
	"encoding/binary"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// exchange is the messages of one call, or of one request within it.
type exchange struct {
	table     *Table
	now       int64
	next      uint64
	request   *wire.Message
	targets   []Target
	responses []*wire.Message
	forwards  [][]byte
}

func newExchange(t testing.TB, table *Table, method string, statuses ...int) *exchange {
	f := &exchange{table: table, now: rigStart, request: scan(t, request(method))}
	f.targets = []Target{{Bytes: forwarded(method, 1)}}
	for _, status := range statuses {
		resp := scan(t, response(method, 1, status))
		var e wire.Edit
		e.Reset(resp)
		e.RemoveTopVia()
		f.responses = append(f.responses, resp)
		f.forwards = append(f.forwards, e.Append(nil))
	}
	return f
}

// run takes the request through the table, in a transaction of its own.
func (f *exchange) run() {
	var key token.TxID
	f.next++
	binary.LittleEndian.PutUint64(key[4:], f.next)
	f.targets[0].Branch = token.Branch{Tx: key, Target: 1}
	f.table.Request(f.now, key, f.request, flow.Flow{}, Known)
	f.table.Fork(f.now, key, f.targets)
	for i, resp := range f.responses {
		f.table.Response(f.now, key, f.targets[0].Branch, resp, f.forwards[i])
	}
}

// tick lets as much time pass as a rate allows between two requests, and fires
// the timers now and then.
func (f *exchange) tick(i, perSecond int) {
	if every := perSecond / 50; i%every == 0 {
		f.now += 20
		f.table.Tick(f.now)
	}
}

// warmUp runs until as many contexts end as begin.
func (f *exchange) warmUp(perSecond int) {
	for i := range 40 * perSecond {
		f.run()
		f.tick(i, perSecond)
	}
}

func TestAllocations(t *testing.T) {
	tests := map[string]struct {
		method   string
		statuses []int
	}{
		"in-dialog request": {"BYE", []int{200}},
		"call":              {"INVITE", []int{100, 180, 200}},
		"busy call":         {"INVITE", []int{100, 180, 486}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			const rate = 500
			f := newExchange(t, NewTable(Options{}, &nowhere{}), tt.method, tt.statuses...)
			f.warmUp(rate)
			i := 0
			if n := testing.AllocsPerRun(5000, func() {
				f.run()
				f.tick(i, rate)
				i++
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// nowhere is an Outlet that does nothing.
type nowhere struct{}

func (nowhere) Upstream(*ResponseContext, flow.Flow, []byte, bool) {}
func (nowhere) Downstream(*ResponseContext, *Branch, []byte) bool  { return true }

func benchmark(b *testing.B, method string, statuses ...int) {
	const rate = 2000
	f := newExchange(b, NewTable(Options{}, nowhere{}), method, statuses...)
	f.warmUp(rate)
	b.ReportAllocs()
	begin := cpuTime()
	for i := 0; b.Loop(); i++ {
		f.run()
		f.tick(i, rate)
	}
	reportCPU(b, begin)
}

// reportCPU reports the CPU time of an iteration: on a busy machine that says
// more than the time it took.
func reportCPU(b *testing.B, begin time.Duration) {
	b.ReportMetric(float64(cpuTime()-begin)/float64(b.N), "cpu-ns/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkBye(b *testing.B)    { benchmark(b, "BYE", 200) }
func BenchmarkInvite(b *testing.B) { benchmark(b, "INVITE", 100, 180, 200) }

// The seven messages of a call; the ACK has no transaction here.
func BenchmarkCall(b *testing.B) {
	const rate = 2000
	table := NewTable(Options{}, nowhere{})
	invite := newExchange(b, table, "INVITE", 100, 180, 200)
	bye := newExchange(b, table, "BYE", 200)
	bye.next = 1 << 60
	ack := scan(b, request("ACK"))
	run := func(i int) {
		invite.run()
		table.Request(invite.now, token.TxID{255}, ack, flow.Flow{}, Known)
		bye.now = invite.now
		bye.run()
		invite.tick(i, rate)
	}
	for i := range 40 * rate {
		run(i)
	}
	b.ReportAllocs()
	begin := cpuTime()
	for i := 0; b.Loop(); i++ {
		run(i)
	}
	reportCPU(b, begin)
}

// Bytes of memory for a transaction that is held, by its state.
func BenchmarkMemory(b *testing.B) {
	for _, tt := range []struct {
		name, method string
		statuses     []int
	}{
		{"ringing", "INVITE", []int{180}},
		{"answered", "INVITE", []int{180, 200}},
		{"bye", "BYE", []int{200}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			const held = 50_000
			for b.Loop() {
				f := newExchange(b, NewTable(Options{}, nowhere{}), tt.method, tt.statuses...)
				before := heap()
				for range held {
					f.run()
				}
				b.ReportMetric(float64(heap()-before)/held, "B/transaction")
				runtime.KeepAlive(f)
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

package transport

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// deadlines is a connection that is only told how long to wait.
type deadlines struct {
	net.Conn
	last time.Time
	set  int
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.last = t
	d.set++
	return nil
}

// A deadline is never early and at most a second late, whatever was asked for before, and
// is not set for each of many messages.
func TestAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deadlines{}
		c := &conn{streams: &streams{began: time.Now()}, out: &outbox{Conn: d}}
		ask := func(limit time.Duration) {
			t.Helper()
			c.allow(limit)
			if late := d.last.Sub(time.Now().Add(limit)); late < 0 || late > time.Second {
				t.Errorf("the deadline for %v is %v after it", limit, late)
			}
		}
		for range 1000 {
			ask(70 * time.Minute)
			time.Sleep(10 * time.Millisecond)
		}
		if d.set > 11 {
			t.Errorf("set %d times in 10 s, want once a second", d.set)
		}
		for _, limit := range []time.Duration{15 * time.Second, 70 * time.Minute, 200 * time.Millisecond, 4 * time.Second} {
			ask(limit)
		}
		c.leaving = true
		was := d.last
		if c.allow(time.Hour); d.last != was {
			t.Error("one that was ended may go on")
		}
	})
}

// The deadline of a connection on which much came fires for what comes no more.
func TestIdleAfterMany(t *testing.T) {
	const idle = 800 * time.Millisecond
	for _, config := range []StreamConfig{{Transport: flow.TCP}, overTLS(t)} {
		config.Limits.Idle = idle
		h := streamStack(t, config)
		p := h.dial(config.Transport)
		if config.Transport == flow.TLS {
			p = h.dialTLS(flow.TLS)
		}
		var last time.Time
		for range 200 {
			last = time.Now()
			p.write(options("echo", ""))
			p.reads(options("echo", ""))
		}
		h.ends(closedIdle)
		if took := time.Since(last); took < idle || took > idle+time.Second {
			t.Errorf("%s: ended after %v, want %v and up to a second more", config.Transport, took, idle)
		}
	}
}

// connected is a connection of a Stack.
func connected(b *testing.B) (*Stack, *conn) {
	h := streamStack(b, StreamConfig{Transport: flow.TCP})
	h.dial(flow.TCP).write(options("a", ""))
	return h.stack, h.stack.streams.of((<-h.messages).flow)
}

// What it costs to tell the table of each REGISTER, and once a second.
func BenchmarkKeep(b *testing.B) {
	stack, c := connected(b)
	inTurns(b, func() { stack.streams.of(c.flow).table.Busy(c) }, func() { stack.Keep(c.flow) })
}

// What a deadline for each message costs, and one that is left where it is close enough.
func BenchmarkAllow(b *testing.B) {
	_, c := connected(b)
	inTurns(b, func() {
		c.mu.Lock()
		_ = c.out.SetReadDeadline(time.Now().Add(c.limits.Idle))
		c.mu.Unlock()
	}, func() { c.allow(c.limits.Idle) })
}

// inTurns measures before and after by turns, so that other work on the machine slows
// down both, and reports what each costs and the ratio.
func inTurns(b *testing.B, before, after func()) {
	b.Helper()
	const turn = 200
	var took [2]time.Duration
	for b.Loop() {
		for i, f := range []func(){before, after} {
			began := time.Now()
			for range turn {
				f()
			}
			took[i] += time.Since(began)
		}
	}
	n := float64(b.N * turn)
	b.ReportMetric(float64(took[0])/n, "before-ns")
	b.ReportMetric(float64(took[1])/n, "after-ns")
	b.ReportMetric(float64(took[1])/float64(took[0]), "after/before")
}

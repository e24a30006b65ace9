package cluster

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/location"
)

// alone is a member that is the only one, with n users, each with that many contacts.
func alone(t testing.TB, users, contacts int) *large {
	t.Helper()
	l := newLarge(1)
	for _, c := range l.cores {
		c.cfg.Limits.MaxContacts = contacts
	}
	for i := range users {
		u := location.Update{AOR: []byte(fmt.Sprintf("sip:u%07d@example.com", i)), CallID: []byte("c"), CSeq: 1}
		for j := range contacts {
			u.Contacts = append(u.Contacts, location.ContactUpdate{URI: []byte(fmt.Sprintf("sip:u%d@192.0.2.1:%d", i, 1024+j)), Q: location.MaxQ, Expires: 3600})
		}
		op := &RegisterOp{Update: u}
		l.core(u.AOR).Register(start, op, &l.effects)
		if op.Status != location.StatusOK {
			t.Fatalf("user %d: %d", i, op.Status)
		}
		l.effects.Reset()
	}
	return l
}

func (l *large) core(aor []byte) *Core { return l.cores[l.membership.View().Partition(aor)%Cores] }

// TestWalkMeetsEachOnce: in steps that are bounded, though the store changes between them.
func TestWalkMeetsEachOnce(t *testing.T) {
	const users = 20_000
	l := alone(t, users, 1)
	met := map[string]int{}
	for _, c := range l.cores {
		for from, end := (Cursor{}), false; !end; {
			n := 0
			from, end = c.Walk(start, from, func(aor []byte) { met[string(aor)]++; n++ })
			if n > walkStep {
				t.Fatalf("a step of %d", n)
			}
			late := location.Update{
				AOR: []byte(fmt.Sprint("sip:late", len(met), "@example.com")), CallID: []byte("c"), CSeq: 1,
				Contacts: []location.ContactUpdate{{URI: []byte("sip:a@192.0.2.1"), Expires: 60}},
			}
			l.core(late.AOR).Register(start, &RegisterOp{Update: late}, &l.effects)
			l.effects.Reset()
		}
	}
	for i := range users {
		if n := met[fmt.Sprintf("sip:u%07d@example.com", i)]; n != 1 {
			t.Fatalf("user %d was met %d times", i, n)
		}
	}
	for _, c := range l.cores {
		for from, end := (Cursor{}), false; !end; {
			from, end = c.Walk(start+3_600_000, from, func(aor []byte) { t.Fatalf("%s has ended", aor) })
		}
	}
}

// TestWalkStepsAreShort whatever the records are: few that are large, or none in many slots.
func TestWalkStepsAreShort(t *testing.T) {
	for name, l := range map[string]*large{"large records": alone(t, 600, 60), "nothing": alone(t, 0, 1)} {
		steps, size := 0, 0
		for _, c := range l.cores {
			for from, end := (Cursor{}), false; !end; steps++ {
				bytes := 0
				from, end = c.Walk(start, from, func(aor []byte) { bytes += c.Peek(aor).Size() })
				size = max(size, bytes)
			}
		}
		if most := walkStep<<10 + location.MaxRecordSize; size > most {
			t.Errorf("%s: a step looks at %d bytes, at most %d", name, size, most)
		}
		if partitions := l.membership.View().Ring.Partitions(); steps < partitions/walkStep {
			t.Errorf("%s: %d steps over %d partitions", name, steps, partitions)
		}
	}
}

func TestLook(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	b.mustRegister(b.nodes[b.owners(aor)[0]], newRegister(aor, 1, 3600))
	for id, n := range b.nodes {
		var l Look
		n.core.Look(b.now, []byte(aor), &l)
		holding, live := "none", 0
		if slices.Contains(b.owners(aor), id) {
			holding, live = "held", 1
		}
		if l.Holding != holding || l.Record.LiveCount(l.Now) != live {
			t.Errorf("member %d: %s, %d bindings; want %s, %d", id, l.Holding, l.Record.LiveCount(l.Now), holding, live)
		}
		for v := range l.Record.Live(l.Now) {
			if ago := int64(l.Clock) - int64(v.Version.Counter); ago < 0 || ago > 1000 {
				t.Errorf("member %d: registered %d ms ago", id, ago)
			}
		}
	}
	var l Look
	NewCore(CoreConfig{Self: 1, Incarnation: 1}).Look(start, []byte(aor), &l)
	if l.Holding != "none" || !l.Record.IsZero() {
		t.Errorf("without a view: %+v", l)
	}
}

// threadTime is the CPU that this thread has taken: what else runs on the machine is not in it.
func threadTime(t testing.TB) time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		t.Fatal(err)
	}
	return time.Duration(at.Nano())
}

// BenchmarkWalk of a million: ns/op are those of a walk over all, and the CPU of the longest step is beside it.
func BenchmarkWalk(b *testing.B) {
	l := alone(b, 1_000_000, 1)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	longest, met := time.Duration(0), 0
	b.ResetTimer()
	for range b.N {
		met = 0
		for _, c := range l.cores {
			for from, end := (Cursor{}), false; !end; {
				began := threadTime(b)
				from, end = c.Walk(start, from, func([]byte) { met++ })
				longest = max(longest, threadTime(b)-began)
			}
		}
	}
	if met != 1_000_000 {
		b.Fatalf("%d met", met)
	}
	b.ReportMetric(float64(longest.Microseconds()), "us-longest-step")
}

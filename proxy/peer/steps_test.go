package peer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged is a line of the log about a step of a failover.
type logged struct {
	Time      time.Time `json:"time"`
	Node      uint32    `json:"node"`
	Step      string    `json:"step"`
	Member    string    `json:"member"`
	Epoch     uint64    `json:"epoch"`
	Cause     string    `json:"cause"`
	Bindings  int       `json:"bindings"`
	AfterLoss int64     `json:"afterLoss"`
}

// logBook keeps a log as JSON lines. Safe for concurrent use.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

// steps are the lines of one node that are of a step, in order.
func (b *logBook) steps(t *testing.T, node uint32) (all []logged) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.text.String()) {
		var l logged
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if l.Node == node && l.Step != "" {
			all = append(all, l)
		}
	}
	return all
}

// TestFailoverIsInTheLog: the lines of each survivor alone say which member was lost,
// why, in which order what was done about it, how much and how long it took, and no
// more than that.
func TestFailoverIsInTheLog(t *testing.T) {
	c, book := newTrial(t, 3), &logBook{}
	c.log = slog.New(slog.NewJSONHandler(book, nil))
	const victim = 2
	process := c.spawn(t, victim)
	survivors := []uint32{1, 3}
	for _, id := range survivors {
		c.start(id)
	}
	c.complete(3)
	bound := map[string]string{}
	for i := range 40 {
		aor, contact := fmt.Sprintf("sip:secret%d@ring.example", i), fmt.Sprintf("sip:secret%d@192.0.2.1", i)
		if status := c.register(survivors[i%2], aor, contact, 1); status != 200 {
			t.Fatalf("register: %d", status)
		}
		bound[aor] = contact
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	want := []string{"suspected", "confirmed", "evicted", "rehomed", "repaired"}
	name, rehomed := c.member(victim).Name, 0
	for _, id := range survivors {
		var after []logged
		until(t, fmt.Sprintf("member %d has the steps %q", id, want), func() bool {
			after = slices.DeleteFunc(book.steps(t, id), func(l logged) bool { return l.Member != name || l.Step == "returned" })
			return len(after) >= len(want)
		})
		var got []string
		for _, l := range after {
			got = append(got, l.Step)
			rehomed += l.Bindings
			if l.Epoch != c.set.Epoch {
				t.Errorf("member %d, %s: epoch %d, want %d", id, l.Step, l.Epoch, c.set.Epoch)
			}
			if slices.Contains([]string{"suspected", "confirmed"}, l.Step) != (l.Cause != "") {
				t.Errorf("member %d, %s: cause %q", id, l.Step, l.Cause)
			}
			if slices.Contains([]string{"evicted", "repaired"}, l.Step) != (l.AfterLoss > 0) {
				t.Errorf("member %d, %s: %d ns after the loss", id, l.Step, l.AfterLoss)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("member %d: steps %q, want %q", id, got, want)
		}
		if evicted, repaired := after[2].AfterLoss, after[4].AfterLoss; evicted > repaired {
			t.Errorf("member %d: out of the ring after %d ns, repaired after %d", id, evicted, repaired)
		}
	}
	if rehomed == 0 || rehomed > len(bound) {
		t.Errorf("%d of %d bindings are re-homed", rehomed, len(bound))
	}
	for aor, contact := range bound {
		c.wantBound(aor, contact)
	}
	book.mu.Lock()
	defer book.mu.Unlock()
	if text := book.text.String(); strings.Contains(text, "secret") || strings.Contains(text, "192.0.2.1") {
		t.Errorf("the log names phones:\n%s", text)
	}
}

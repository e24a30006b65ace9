package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// problem is what may be wrong with what was seen.
type problem int

const (
	fine problem = iota
	lost
	returned
	stale
	unanswered
	problems
)

func (p problem) String() string {
	return [problems]string{"fine", "lost", "returned", "stale", "unanswered"}[p]
}

// row counts what began under one kind of fault.
type row struct {
	faults, registers, lookups int
	found                      [problems]int
	slowest                    time.Duration
}

// tally counts, keeps the first incidents for the end, and writes all into the
// journal. Safe for concurrent use.
type tally struct {
	mu        sync.Mutex
	kind      string // of fault, at present
	order     []string
	rows      map[string]*row
	incidents []string
	journal   io.Writer
	settled   []time.Duration // how long the members took after each fault
}

// keepIncidents is how many incidents are shown at the end. All are in the journal.
const keepIncidents = 8

func newTally(journal io.Writer) *tally {
	t := &tally{journal: journal, rows: map[string]*row{}}
	t.under("before", 0)
	return t
}

// under says what kind of fault what begins now belongs to.
func (t *tally) under(kind string, faults int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kind = kind
	if t.rows[kind] == nil {
		t.rows[kind] = &row{}
		t.order = append(t.order, kind)
	}
	t.rows[kind].faults += faults
}

// begin counts a request and returns what it belongs to.
func (t *tally) begin(register bool) (kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if register {
		t.rows[t.kind].registers++
	} else {
		t.rows[t.kind].lookups++
	}
	return t.kind
}

// took notes how long an answer took.
func (t *tally) took(kind string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[kind].slowest = max(t.rows[kind].slowest, d)
}

// report counts a problem and keeps what is known of it.
func (t *tally) report(kind string, p problem, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[kind].found[p]++
	text := fmt.Sprintf("%s %s, under %s: %s", clock(time.Now()), strings.ToUpper(p.String()), kind, fmt.Sprintf(format, args...))
	fmt.Fprintln(t.journal, text)
	if len(t.incidents) < keepIncidents {
		t.incidents = append(t.incidents, text)
	}
}

// note writes a line into the journal.
func (t *tally) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.journal, "%s %s\n", clock(time.Now()), fmt.Sprintf(format, args...))
}

// recovered notes how long the members took to have all that they own.
func (t *tally) recovered(d time.Duration) {
	t.mu.Lock()
	t.settled = append(t.settled, d)
	t.mu.Unlock()
}

// sum is all rows together.
func (t *tally) sum() row {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s row
	for _, r := range t.rows {
		s.faults, s.registers, s.lookups = s.faults+r.faults, s.registers+r.registers, s.lookups+r.lookups
		s.slowest = max(s.slowest, r.slowest)
		for i, n := range r.found {
			s.found[i] += n
		}
	}
	return s
}

func (r row) bad() int {
	return r.found[lost] + r.found[returned] + r.found[stale] + r.found[unanswered]
}

func (r row) String() string {
	return fmt.Sprintf("%d faults, %d REGISTERs, %d lookups; %d lost, %d returned, %d stale, %d unanswered",
		r.faults, r.registers, r.lookups, r.found[lost], r.found[returned], r.found[stale], r.found[unanswered])
}

// print writes the table and the first incidents.
func (t *tally) print(out io.Writer) {
	sum := t.sum()
	t.mu.Lock()
	defer t.mu.Unlock()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "fault\tfaults\tREGISTERs\tlookups\tlost\treturned\tstale\tunanswered\tslowest answer\t")
	line := func(name string, r *row) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.2f s\t\n", name, r.faults, r.registers, r.lookups,
			r.found[lost], r.found[returned], r.found[stale], r.found[unanswered], r.slowest.Seconds())
	}
	for _, kind := range t.order {
		line(kind, t.rows[kind])
	}
	line("all", &sum)
	_ = w.Flush()
	if n := len(t.settled); n > 0 {
		slices.Sort(t.settled)
		fmt.Fprintf(out, "After a fault ended all members held what they own within %.2f s (median), %.2f s (longest).\n",
			t.settled[n/2].Seconds(), t.settled[n-1].Seconds())
	}
	for _, text := range t.incidents {
		fmt.Fprintln(out, text)
	}
	if more := sum.bad() - len(t.incidents); more > 0 {
		fmt.Fprintf(out, "and %d more in the journal\n", more)
	}
}

//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sipring/sipring/demo/phones"
)

// total is what all runs of one case, or of one of its parts, came to.
type total struct {
	title                     string
	runs, failed, skipped     int
	lost                      phones.Outcome // registrations
	called, soon, desk        phones.Outcome
	byes, calls, each         phones.Outcome
	slowestRing, slowestSlice int64 // ms
	failedRuns                []string
}

// sum adds up the results of runs by their titles, in the order in which these came first.
func sum(results []*result) (all []*total) {
	for _, r := range results {
		i := slices.IndexFunc(all, func(t *total) bool { return t.title == r.Title })
		if i < 0 {
			i = len(all)
			all = append(all, &total{title: r.Title})
		}
		all[i].add(r)
	}
	return all
}

func (t *total) add(r *result) {
	t.runs++
	if r.Skipped != "" {
		t.skipped++
		return
	}
	if r.failed() {
		t.failed++
		t.failedRuns = append(t.failedRuns, fmt.Sprint(r.Run))
	}
	for to, o := range map[*phones.Outcome]phones.Outcome{
		&t.lost: r.Registered, &t.called: r.Called.Reached, &t.soon: r.Called.Soon, &t.desk: r.Desk,
		&t.byes: r.byes(), &t.calls: r.Meanwhile.Hungup, &t.each: r.throughAll(),
	} {
		to.Add(o)
	}
	t.slowestRing, t.slowestSlice = max(t.slowestRing, r.Ring.Milliseconds()), max(t.slowestSlice, r.Slice.Milliseconds())
}

// printSum prints a line for all runs of each case, and which of them lost something.
func printSum(out io.Writer, results []*result) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nall runs of\truns\tfailed\tlost\tcalled\tin 2 s\tdesk\tBYEs\tslowest ring\tslice\tcalls\teach")
	all := sum(results)
	for _, t := range all {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%v\t%v\t%v\t%v\t%d\t%d\t%v\t%v\n", t.title, t.runs-t.skipped, t.failed, t.lost.Of-t.lost.OK,
			t.called, t.soon, t.desk, t.byes, t.slowestRing, t.slowestSlice, t.calls, t.each)
	}
	_ = w.Flush()
	for _, t := range all {
		if t.failed > 0 {
			fmt.Fprintf(out, "%s: something was lost in run %s\n", t.title, strings.Join(t.failedRuns, ", "))
		}
	}
}

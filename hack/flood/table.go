package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table writes a line for each result, and under it why it did not pass and what
// the attack did.
func table(out io.Writer, results []result, l limits) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "attack\tgood requests\tanswered %\tp50\tp99\tmax RSS, MiB\trestarts\tverdict")
	for _, r := range results {
		verdict := "withstood"
		if len(r.faults(l)) > 0 {
			verdict = "FAILED"
		}
		rss := make([]string, len(r.rss))
		for i, mib := range r.rss {
			rss[i] = fmt.Sprint(mib)
		}
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%s\t%s\t%s\t%d\t%s\n", r.attack, r.requests(), r.answered(),
			milliseconds(r.quantile(0.5)), milliseconds(r.quantile(0.99)), strings.Join(rss, " "), r.restarts, verdict)
	}
	_ = w.Flush()
	fmt.Fprintln(out)
	for _, r := range results {
		fmt.Fprintf(out, "%-10s %s\n", r.attack, r.note)
		for _, f := range r.faults(l) {
			fmt.Fprintf(out, "%-10s   FAILED: %s\n", "", f)
		}
	}
}

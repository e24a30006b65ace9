package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// cells is the table: a head and one line for each metric.
func (r report) cells() [][]string {
	table := make([][]string, 1, 1+len(r.Rows))
	table[0] = r.line("",
		func(c column) string { return c.Label },
		func(c column) string { return "sipring/" + c.Label },
		"goal, to Kamailio")
	for _, row := range r.Rows {
		goal := ""
		if row.Goal > 0 {
			goal = fmt.Sprintf("<= %.2f", row.Goal)
		}
		table = append(table, r.line(row.Label,
			func(c column) string { return c.cell(row) },
			func(c column) string { return formatSpread(row.Ratios[c.Name], 2) },
			goal))
	}
	return table
}

// line is a label, a value of each server, a ratio to each other server, and a goal.
func (r report) line(label string, value, ratio func(column) string, goal string) []string {
	line := make([]string, 0, 2+2*len(r.Columns))
	line = append(line, label)
	for _, c := range r.Columns {
		line = append(line, value(c))
	}
	for _, c := range r.others() {
		line = append(line, ratio(c))
	}
	return append(line, goal)
}

// others are the servers that sipring is compared with.
func (r report) others() []column {
	return slices.DeleteFunc(slices.Clone(r.Columns), func(c column) bool { return c.Name == nameSipring })
}

// cell is the figure of one server, or why there is none.
func (c column) cell(r row) string {
	if s := r.Values[c.Name]; s != nil && c.Problem == "" {
		return formatSpread(s, r.digits)
	}
	if c.Problem != "" {
		return "failed"
	}
	return "-"
}

// formatSpread is "12.3 (11.9-13.0)"; the range is left out when there is one
// value or when rounding hides it.
func formatSpread(s *spread, digits int) string {
	if s == nil {
		return "-"
	}
	format := func(v float64) string {
		text := strconv.FormatFloat(v, 'f', digits, 64)
		if strings.Trim(text, "-0.") == "" { // no negative zero
			return strings.TrimPrefix(text, "-")
		}
		return text
	}
	low, high := format(s.Min), format(s.Max)
	if s.Rounds == 1 || low == high || math.IsNaN(s.Median) {
		return format(s.Median)
	}
	return format(s.Median) + " (" + low + "-" + high + ")"
}

// text is the table for a terminal.
func (r report) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range r.cells() {
		_, _ = fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	_ = w.Flush() // a strings.Builder takes everything
	b.WriteString("\n" + r.notes("", "\n"))
	return b.String()
}

// markdown is the table for docs/performance.md, with all that is needed to
// repeat it.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "```\n%s\n```\n\n", r.Command)
	for i, line := range r.cells() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|---|%s\n", strings.Repeat("---:|", len(line)-1))
		}
	}
	b.WriteString("\n" + r.notes("- ", "\n"))
	return b.String()
}

// notes says what was measured on what, one item each.
func (r report) notes(bullet, end string) string {
	p := r.Parameters
	calls := "Calls: none asked for."
	if p.Calls > 0 {
		calls = fmt.Sprintf("Calls: %d at %d/s (INVITE, 100, 180, 200, ACK, BYE, 200) with SIPp %s, counted until %d s after the last, the CPU without load included; a call costs less at a higher rate, so compare within one run only.", p.Calls, p.CallRate, r.SIPp, p.Drain)
	}
	notes := make([]string, 0, 7+len(r.Columns))
	notes = append(notes,
		fmt.Sprintf("Median (smallest-largest) of %d interleaved rounds, %s; ratios are within a round.", p.Rounds, r.Date.UTC().Format("2006-01-02 15:04 UTC")),
		"Machine: "+r.Machine.String(),
		fmt.Sprintf("REGISTER: %d new bindings, then %d refreshes, %d in flight from %d ports, nobody asked who it is; native/regload.c.", p.Bindings, p.Refreshes, p.Window, p.Sockets),
		digests(p),
		calls,
		connections(p),
		"CPU: user and system time of all the server's processes; memory: their proportional set size, per binding the growth from warmed up and empty, of this one server (a cluster holds each binding on several).",
	)
	for _, c := range r.Columns {
		note := c.Label + ": " + c.Version
		if c.Problem != "" {
			note = strings.TrimSuffix(note, ": ") + ": " + c.Problem
		}
		notes = append(notes, note)
	}
	return bullet + strings.Join(notes, end+bullet) + end
}

// digests says how REGISTERs with digest were measured.
func digests(p options) string {
	if !p.Digest {
		return "Digest: not asked for."
	}
	return fmt.Sprintf("Digest: MD5, qop auth, secrets in memory, counts of nonces checked; the same load on a server started for it: %d users that are challenged once, then %d refreshes with the nonces that they have.", p.Bindings, p.Refreshes)
}

// connections says how TCP and TLS were measured.
func connections(p options) string {
	if p.Connections == 0 {
		return "TCP and TLS: not asked for."
	}
	text := fmt.Sprintf("TCP and TLS (1.3, AES-128-GCM): %d phones that keep a connection each, at a server started for it, which has a worker for them; %d refreshes, %d in flight", p.Connections, p.Refreshes, min(p.Window, p.Connections))
	if p.Calls > 0 {
		text += fmt.Sprintf(", and %d calls at %d/s between two of them", p.Calls, p.CallRate)
	}
	return text + "; native/connload.c."
}

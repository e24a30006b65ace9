//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// result is what one case cost. Durations are in nanoseconds in JSON.
type result struct {
	Case  string `json:"case"`
	Title string `json:"title"`
	// Run is which of several runs of the case it is of.
	Run int `json:"run,omitempty"`
	// Peer: what is measured to compare with, be it another program or another mode, whose
	// losses fail nothing.
	Peer bool `json:"peer,omitempty"`
	// Skipped says why it was not played.
	Skipped string `json:"skipped,omitempty"`
	// Homed is how many phones had their home at the victim.
	Homed int `json:"homed"`
	// Registered: phones whose binding is held afterwards.
	Registered phones.Outcome `json:"registered"`
	// Called at the fault, each with so much patience from then on.
	Called    phones.Called `json:"called"`
	Patience  time.Duration `json:"patience"`
	CalledFor time.Duration `json:"calledFor"`
	// Desk is the calls to baresip: at the fault, and with every round after.
	Desk phones.Outcome `json:"desk"`
	// BYEs of the calls that were up, answered: sent at the fault, until the
	// ring was whole, and then.
	BYEsAtOnce    phones.Outcome `json:"byesAtOnce"`
	BYEsMeanwhile phones.Outcome `json:"byesMeanwhile"`
	BYEsAfter     phones.Outcome `json:"byesAfter"`
	// Ring and Slice: from the fault to the last survivor's first ring, and to
	// the EndpointSlice, without the victim; 0 where there is none.
	Ring  time.Duration `json:"ring"`
	Slice time.Duration `json:"slice"`
	// Whole: from the fault to the ring with everybody in it. Meanwhile: calls
	// made until then, a round a second, after the first ones.
	Whole     time.Duration `json:"whole"`
	Meanwhile phones.Called `json:"meanwhile"`
	// Through is what was reached through each proxy after that.
	Through map[string]phones.Outcome `json:"through,omitempty"`
	// Refreshed are registrations that phones were to renew, where they are.
	Refreshed phones.Outcome `json:"refreshed"`
	// Notes are what else the case has seen.
	Notes    []string `json:"notes,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

// byes are all BYEs of the calls that were up.
func (r *result) byes() (all phones.Outcome) {
	for _, o := range []phones.Outcome{r.BYEsAtOnce, r.BYEsMeanwhile, r.BYEsAfter} {
		all.Add(o)
	}
	return all
}

// throughAll are the calls through all proxies.
func (r *result) throughAll() (all phones.Outcome) {
	for _, o := range r.Through {
		all.Add(o)
	}
	return all
}

// failed tells whether something was lost.
func (r *result) failed() bool {
	if r.Skipped != "" || r.Peer {
		return false
	}
	for _, o := range []phones.Outcome{
		r.Registered, r.Called.Reached, r.Called.Hungup, r.Desk, r.byes(), r.Meanwhile.Reached, r.Meanwhile.Hungup, r.throughAll(), r.Refreshed,
	} {
		if !o.Whole() {
			return true
		}
	}
	return len(r.Problems) > 0
}

// line is the result of the moments after the fault.
func (r *result) line() string {
	return fmt.Sprintf("%d registrations lost; %v phones called within %v of the fault, %v within 2 s (%d of them rehomed, slowest %v); %v BYEs at once answered; ring %s, slice %s",
		r.Registered.Of-r.Registered.OK, r.Called.Reached, r.Patience, r.Called.Soon, r.Homed, r.Called.Slowest.Round(time.Millisecond),
		r.BYEsAtOnce, ms(r.Ring), ms(r.Slice))
}

// verdict are the figures of the whole case.
func (r *result) verdict() string {
	if r.Skipped != "" {
		return "skipped, " + r.Skipped
	}
	word := "nothing lost"
	if r.failed() {
		word = "LOST"
	}
	return fmt.Sprintf("%s; registrations %v, called %v, BYEs %v, desk %v, calls %v, each %v, whole after %.1f s",
		word, r.Registered, r.Called.Reached, r.byes(), r.Desk, r.Meanwhile.Hungup, r.throughAll(), r.Whole.Seconds())
}

func (r *result) through() string {
	var parts []string
	for _, pod := range slices.Sorted(maps.Keys(r.Through)) {
		parts = append(parts, pod+" "+r.Through[pod].String())
	}
	return strings.Join(parts, ", ")
}

// errors are what went wrong, for people.
func (r *result) errors() []string {
	out := slices.Clone(r.Problems)
	add := func(what string, o phones.Outcome) {
		for _, e := range o.Errors {
			out = append(out, what+": "+e)
		}
	}
	add("registered", r.Registered)
	add("called", r.Called.Reached)
	add("hung up", r.Called.Hungup)
	add("other clients called", r.Desk)
	add("held call", r.byes())
	add("called until whole again", r.Meanwhile.Reached)
	add("hung up until whole again", r.Meanwhile.Hungup)
	add("refreshed", r.Refreshed)
	for _, pod := range slices.Sorted(maps.Keys(r.Through)) {
		add("through "+pod, r.Through[pod])
	}
	return out
}

func ms(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// legend explains the table's headings.
const legend = `
lost     phones whose registration is not held any more, right after the fault
called   phones that answered the first call after the fault, without having registered again. All are called at once,
         when the fault comes. The case fails if one takes longer than the bound: 2 s from the fault, or 10 s where a
         node is cut off. in 2 s: as many answered within 2 s of the fault
desk     calls to baresip, which registered once for all cases: at the fault and with each round after. In the cases with
         SHA-256 or MD5 in their names, calls to and from linphone and another baresip all the time
BYEs     of the calls that were up, sent at the fault + with the rounds until the ring was whole + after that
ring     ms from the fault until the last survivor first worked with a ring without the victim
slice    ms from the fault until the EndpointSlice was without it
whole    s from the fault until all proxies run and have all in their ring
calls    made and hung up until then: a round of all phones a second, each answered within the bound of its start. In the
         cases with SHA-256 phones call all the time
each     after that, calls to all phones through each proxy, those that came back empty among them
`

// printTable prints a line for every case, and what the headings mean.
func printTable(out io.Writer, results []*result) {
	if len(results) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nfault\tlost\tcalled\tin 2 s\tdesk\tBYEs\tring\tslice\twhole\tcalls\teach")
	for _, r := range results {
		if r.Skipped != "" {
			// No tab: its length is no column's width.
			fmt.Fprintf(w, "%s: skipped, %s\n", r.Title, r.Skipped)
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%v\t%v\t%v\t%d+%d+%d/%d\t%s\t%s\t%.1f\t%v\t%v\n", r.Title, r.Registered.Of-r.Registered.OK,
			r.Called.Reached, r.Called.Soon, r.Desk, r.BYEsAtOnce.OK, r.BYEsMeanwhile.OK, r.BYEsAfter.OK, r.byes().Of,
			ms(r.Ring), ms(r.Slice), r.Whole.Seconds(), r.Meanwhile.Hungup, r.throughAll())
	}
	_ = w.Flush()
	fmt.Fprint(out, legend)
	for _, r := range results {
		for _, n := range r.Notes {
			fmt.Fprintf(out, "%s: %s\n", r.Title, n)
		}
	}
	for _, r := range results {
		for _, e := range r.errors() {
			fmt.Fprintf(out, "%s: %s\n", r.Case, e)
		}
	}
}

func writeJSON(path string, results []*result) error {
	raw, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sipring/sipring/hack/phones"
)

// result is what one case cost. Durations are in nanoseconds in JSON.
type result struct {
	Case  string `json:"case"`
	Title string `json:"title"`
	// Skipped says why it was not played.
	Skipped string `json:"skipped,omitempty"`
	// Homed is how many phones had their home at the victim.
	Homed int `json:"homed"`
	// Registered: phones whose binding is held afterwards.
	Registered phones.Outcome `json:"registered"`
	// Called right after the fault, each with so much patience.
	Called    phones.Called `json:"called"`
	Patience  time.Duration `json:"patience"`
	CalledFor time.Duration `json:"calledFor"`
	// BYEs of the calls that were up, answered. EarlyBYEs came before the
	// fault and prove nothing.
	BYEs      phones.Outcome `json:"byes"`
	EarlyBYEs int            `json:"earlyByes"`
	// Ring and Slice: from the fault to the last survivor's new ring, and to
	// the EndpointSlice without the victim; 0 where there is none.
	Ring  time.Duration `json:"ring"`
	Slice time.Duration `json:"slice"`
	// Whole: from the fault to the ring with everybody in it. Meanwhile: calls
	// made until then, a round a second, after the first ones.
	Whole     time.Duration `json:"whole"`
	Meanwhile phones.Called `json:"meanwhile"`
	// Through is what was reached through each proxy after that.
	Through  map[string]phones.Outcome `json:"through,omitempty"`
	Problems []string                  `json:"problems,omitempty"`
}

// failed tells whether something was lost.
func (r *result) failed() bool {
	if r.Skipped != "" {
		return false
	}
	for _, o := range r.Through {
		if !o.Whole() {
			return true
		}
	}
	return len(r.Problems) > 0 || !r.Meanwhile.Reached.Whole() || !r.Meanwhile.Hungup.Whole() || r.EarlyBYEs > 0 || !r.Registered.Whole() || !r.Called.Reached.Whole() || !r.Called.Hungup.Whole() || !r.BYEs.Whole()
}

// line is the result of the moments after the fault.
func (r *result) line() string {
	return fmt.Sprintf("%d registrations lost; %v phones called within %v, %d within 2 s (%d of them rehomed, slowest %v, all called after %v); %v BYEs answered; ring %s, slice %s",
		r.Registered.Of-r.Registered.OK, r.Called.Reached, r.Patience, r.Called.Soon.OK, r.Homed, r.Called.Slowest.Round(time.Millisecond),
		r.CalledFor.Round(time.Millisecond), r.BYEs, ms(r.Ring), ms(r.Slice))
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
	add("held call", r.BYEs)
	add("called until whole again", r.Meanwhile.Reached)
	add("hung up until whole again", r.Meanwhile.Hungup)
	if r.EarlyBYEs > 0 {
		out = append(out, fmt.Sprintf("%d calls were over before the fault", r.EarlyBYEs))
	}
	for _, pod := range slices.Sorted(maps.Keys(r.Through)) {
		add("through "+pod, r.Through[pod])
	}
	return out
}

func ms(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000)
}

// printTable prints a line for every case.
func printTable(out io.Writer, results []*result) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\ncase\tregistrations lost\tcallable\twithin 2 s\tBYEs answered\tnew ring\tslice\twhole by\tcalls until then\tthen, through each proxy")
	for _, r := range results {
		if r.Skipped != "" {
			fmt.Fprintf(w, "%s\tskipped: %s\n", r.Title, r.Skipped)
			continue
		}
		fmt.Fprintf(w, "%s\t%d of %d\t%v\t%v\t%v\t%s\t%s\t%.1f s\t%v\t%s\n", r.Title, r.Registered.Of-r.Registered.OK, r.Registered.Of,
			r.Called.Reached, r.Called.Soon, r.BYEs, ms(r.Ring), ms(r.Slice), r.Whole.Seconds(), r.Meanwhile.Hungup, r.through())
	}
	_ = w.Flush()
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

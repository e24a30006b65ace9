package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func someReport() Report {
	return Report{UnderReplicated: 3, Sources: []Source{{Address: "192.0.2.1", Bindings: 64}}, Application: &Application{State: ApplicationDown, Since: 1767323045001}, Failovers: []Failover{
		{Member: "ring-1", At: 1767323045006, Cause: LossProcessEnded, Rehomed: 96, Milliseconds: 21},
		{Member: "ring-0", At: 1767323045000, Cause: LossUnreachable},
	}}
}

// TestReportIsRead as it was written, with the longest names there are too.
func TestReportIsRead(t *testing.T) {
	long := Report{UnderReplicated: MaxReported, Application: &Application{State: ApplicationState(strings.Repeat("S", maxState)), Since: maxSince}}
	for range MaxFailovers {
		long.Failovers = append(long.Failovers, Failover{
			Member: strings.Repeat("a", maxName), At: 1 << 53, Cause: LossCause(strings.Repeat("C", maxCause)), Rehomed: MaxReported, Milliseconds: MaxReported,
		})
	}
	for range MaxSources {
		long.Sources = append(long.Sources, Source{Address: "255.255.255.255", Bindings: MaxReported})
	}
	for name, r := range map[string]Report{"nothing": {}, "some": someReport(), "the longest": long} {
		t.Run(name, func(t *testing.T) {
			got := ParseReport(r.String())
			if got == nil {
				t.Fatalf("%d bytes are not read: %s", len(r.String()), r)
			}
			if d := cmp.Diff(r, *got); d != "" {
				t.Errorf("(-written +read):\n%s", d)
			}
		})
	}
}

// TestReportIsBounded: what is too much is cut off where it is written, and not
// read where somebody writes it all the same.
func TestReportIsBounded(t *testing.T) {
	much := Report{UnderReplicated: MaxReported + 1, Failovers: make([]Failover, MaxFailovers+1), Sources: slices.Repeat([]Source{{Address: "192.0.2.1", Bindings: MaxReported + 1}}, MaxSources+1)}
	for i := range much.Failovers {
		much.Failovers[i] = Failover{Member: fmt.Sprintf("ring-%d", i), At: 1, Cause: LossMoved, Rehomed: MaxReported + 1, Milliseconds: -1}
	}
	got := ParseReport(much.String())
	if got == nil || got.UnderReplicated != MaxReported || len(got.Failovers) != MaxFailovers || got.Failovers[0].Rehomed != MaxReported || got.Failovers[0].Milliseconds != 0 ||
		len(got.Sources) != MaxSources || got.Sources[0].Bindings != MaxReported {
		t.Errorf("%+v", got)
	}
	failover := func(fields string) string { return `{"underReplicated":0,"failovers":[{` + fields + `}]}` }
	for name, text := range map[string]string{
		"nothing":                              "",
		"no JSON":                              "yes",
		"another type":                         `[1]`,
		"below nothing":                        `{"underReplicated":-1}`,
		"too many":                             `{"underReplicated":1000000001}`,
		"no number of ours":                    `{"underReplicated":1e30}`,
		"a fraction":                           `{"underReplicated":0.5}`,
		"too long":                             `{"underReplicated":0,"later":"` + strings.Repeat("x", maxReport) + `"}`,
		"a source of no address":               `{"sources":[{"address":"node-1","bindings":16}]}`,
		"a source of less than nothing":        `{"sources":[{"address":"192.0.2.1","bindings":-1}]}`,
		"too many sources":                     `{"sources":[` + strings.Repeat(`{"address":"192.0.2.1","bindings":16},`, MaxSources) + `{"address":"192.0.2.1","bindings":16}]}`,
		"too many failovers":                   `{"failovers":[` + strings.Repeat(`{"member":"a","at":1,"cause":"A"},`, MaxFailovers) + `{"member":"a","at":1,"cause":"A"}]}`,
		"of nobody":                            failover(`"at":1,"cause":"A"`),
		"at no time":                           failover(`"member":"ring-1","cause":"A"`),
		"before 1970":                          failover(`"member":"ring-1","at":-1,"cause":"A"`),
		"without a cause":                      failover(`"member":"ring-1","at":1`),
		"a cause for a screen":                 failover(`"member":"ring-1","at":1,"cause":"\u001b[2J"`),
		"a member for a screen":                failover(`"member":"ring-1\n","at":1,"cause":"A"`),
		"a name too long":                      failover(`"member":"` + strings.Repeat("a", maxName+1) + `","at":1,"cause":"A"`),
		"too many re-homed":                    failover(`"member":"ring-1","at":1,"cause":"A","rehomed":1000000001`),
		"an application of no state":           `{"application":{"since":1}}`,
		"an application since no time":         `{"application":{"state":"Down"}}`,
		"an application since before 1970":     `{"application":{"state":"Down","since":-1}}`,
		"an application since beyond a number": `{"application":{"state":"Down","since":9007199254740993}}`,
		"an application since a fraction":      `{"application":{"state":"Down","since":1.5}}`,
		"a state for a screen":                 `{"application":{"state":"\u001b[2J","since":1}}`,
		"a state too long":                     `{"application":{"state":"` + strings.Repeat("a", maxState+1) + `","since":1}}`,
		"an application that is a list":        `{"application":[]}`,
		"took less than none":                  failover(`"member":"ring-1","at":1,"cause":"A","milliseconds":-1`),
	} {
		if r := ParseReport(text); r != nil {
			t.Errorf("%s: read as %+v", name, r)
		}
	}
	if r := ParseReport(`{"underReplicated":2,"later":true,"failovers":[{"member":"ring-1","at":1,"cause":"LaterCause","why":"later"}]}`); r == nil || r.UnderReplicated != 2 || len(r.Failovers) != 1 {
		t.Errorf("a later version's is read as %+v", r)
	}
	if r := ParseReport(`{"underReplicated":2,"application":{"state":"LaterState","since":7,"why":"later"}}`); r == nil || r.Application == nil || *r.Application != (Application{"LaterState", 7}) {
		t.Errorf("a later version's application is read as %+v", r)
	}
}

// FuzzReport: what is read is within its bounds, and stays what it is when it is
// written again.
func FuzzReport(f *testing.F) {
	f.Add(someReport().String())
	f.Add(`{"underReplicated":0}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		r := ParseReport(text)
		if r == nil {
			return
		}
		again := ParseReport(r.String())
		if again == nil || again.String() != r.String() {
			t.Fatalf("%q is read as %s, and that as %v", text, r, again)
		}
	})
}

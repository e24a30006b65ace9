package config

import (
	"encoding/json"
	"net/netip"
	"strings"
)

// Bounds of a Report.
const (
	// MaxFailovers is how many failovers a Report has.
	MaxFailovers = 4
	// MaxReported bounds each number of a Report.
	MaxReported = 1_000_000_000
	// maxReport bounds AnnotationReport, in bytes: MaxFailovers of the longest names fit.
	maxReport = 2 << 10
	// MaxSources is how many sources a Report has, and ReportedFrom with how many
	// bindings one is there.
	MaxSources   = 2
	ReportedFrom = 16
	maxName      = 253 // of a pod
	maxCause     = 32
	maxState     = 32
	maxSince     = 1 << 53 // what any reader of JSON takes
)

// Report is what a proxy reports of what it holds and of what it saw, in
// AnnotationReport of its Lease.
type Report struct {
	// UnderReplicated is how many bindings that it is home of have fewer copies than
	// they are to have.
	UnderReplicated int64 `json:"underReplicated"`
	// Failovers that it saw since it started, the newest first.
	Failovers []Failover `json:"failovers,omitempty"`
	// Application beside it; nil where there is none.
	Application *Application `json:"application,omitempty"`
	// Sources from which most of the bindings that it holds were registered, the largest
	// first.
	Sources []Source `json:"sources,omitempty"`
}

// Source is an address from which phones registered.
type Source struct {
	// Address is one of IPv4.
	Address string `json:"address"`
	// Bindings are at least so many, ReportedFrom or more.
	Bindings int64 `json:"bindings"`
}

// Application is the state of the application beside a proxy.
type Application struct {
	// State of it.
	State ApplicationState `json:"state"`
	// Since when, in milliseconds since 1970.
	Since int64 `json:"since"`
}

// ApplicationState is what is known of an application. A later version may have more.
type ApplicationState string

// The states.
const (
	// ApplicationUnknown: it has not been checked yet.
	ApplicationUnknown ApplicationState = "Unknown"
	// ApplicationServing: it takes new calls.
	ApplicationServing ApplicationState = "Serving"
	// ApplicationDown: it does not serve.
	ApplicationDown ApplicationState = "Down"
	// ApplicationLeaving: its proxy drains. It has the calls that it had, and gets no new ones.
	ApplicationLeaving ApplicationState = "Leaving"
)

// Failover is the loss of a member that changed the effective ring, as one proxy saw it.
type Failover struct {
	// Member that was lost.
	Member string `json:"member"`
	// At is when the ring was without it, in milliseconds since 1970.
	At int64 `json:"at"`
	// Cause, as a reason of a condition is written.
	Cause LossCause `json:"cause"`
	// Rehomed is how many bindings the reporter became home of by that change of the ring.
	Rehomed int64 `json:"rehomed"`
	// Milliseconds from when the member was last heard of to the ring without it.
	Milliseconds int64 `json:"milliseconds"`
}

// LossCause is why a proxy took another one for lost. A later version may have more.
type LossCause string

// The causes.
const (
	// LossProcessEnded: nothing listens at its port any more.
	LossProcessEnded LossCause = "ProcessEnded"
	// LossUnreachable: it does not answer: it hangs, its node or the network is lost.
	LossUnreachable LossCause = "Unreachable"
	// LossMoved: it is listed at another address, or no longer.
	LossMoved LossCause = "Moved"
)

// String is AnnotationReport for the report: what is beyond the bounds is cut off.
func (r Report) String() string {
	out := Report{UnderReplicated: bounded(r.UnderReplicated), Application: r.Application}
	for _, f := range r.Failovers[:min(len(r.Failovers), MaxFailovers)] {
		f.Rehomed, f.Milliseconds = bounded(f.Rehomed), bounded(f.Milliseconds)
		out.Failovers = append(out.Failovers, f)
	}
	for _, s := range r.Sources[:min(len(r.Sources), MaxSources)] {
		s.Bindings = bounded(s.Bindings)
		out.Sources = append(out.Sources, s)
	}
	text, _ := json.Marshal(out) // plain data
	return string(text)
}

func bounded(n int64) int64 { return max(0, min(n, MaxReported)) }

// ParseReport reads AnnotationReport, in which a proxy may write what it likes; nil
// where that is no report. Fields that it does not know are a later version's.
func ParseReport(text string) *Report {
	r := &Report{}
	if text == "" || len(text) > maxReport || json.Unmarshal([]byte(text), r) != nil {
		return nil
	}
	if r.UnderReplicated != bounded(r.UnderReplicated) || len(r.Failovers) > MaxFailovers || len(r.Sources) > MaxSources {
		return nil
	}
	for _, f := range r.Failovers {
		if !f.valid() {
			return nil
		}
	}
	for _, s := range r.Sources {
		if _, err := netip.ParseAddr(s.Address); err != nil || s.Bindings != bounded(s.Bindings) {
			return nil
		}
	}
	if a := r.Application; a != nil && !a.valid() {
		return nil
	}
	return r
}

func (a *Application) valid() bool {
	return a.Since > 0 && a.Since <= maxSince && within(string(a.State), maxState, letters)
}

func (f Failover) valid() bool {
	return f.At > 0 && f.Rehomed == bounded(f.Rehomed) && f.Milliseconds == bounded(f.Milliseconds) &&
		within(f.Member, maxName, "abcdefghijklmnopqrstuvwxyz0123456789-.") &&
		within(string(f.Cause), maxCause, letters)
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// within says that the text has at least one byte, at most so many, and no others.
func within(text string, most int, of string) bool {
	return text != "" && len(text) <= most && strings.Trim(text, of) == ""
}

package application

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/metric"
)

// Stats are what metrics show of the application beside this proxy. The tags say how.
type Stats struct {
	Healthy       bool   `metric:"healthy" help:"1 while the application beside this proxy serves."`
	Serving       int    `metric:"serving" help:"Members whose applications take new calls, as far as this one knows."`
	ChecksHealthy uint64 `metric:"checks_total{result=healthy}" help:"Checks of the application beside this proxy."`
	ChecksFailed  uint64 `metric:"checks_total{result=failed}"`
	ChecksRefused uint64 `metric:"checks_total{result=refused}"`
	Calls         int    `metric:"calls" help:"Calls that the application beside this proxy has."`
	CallsRefused  uint64 `metric:"calls_uncounted_total" help:"Calls of the application that are not counted, for want of room."`
	Pins          int    `metric:"pins" help:"Addresses-of-record that are pinned to the application beside this proxy."`
	PinsWritten   uint64 `metric:"pin_writes_total{result=done}" help:"Pins that were to be written, renewed or removed."`
	PinsHeld      uint64 `metric:"pin_writes_total{result=held}"`
	PinsFailed    uint64 `metric:"pin_writes_total{result=failed}"`
}

// Stats returns the numbers now.
func (l *Local) Stats() Stats {
	return Stats{
		Healthy: l.checker.Serves(), Serving: l.Table.Serving(),
		ChecksHealthy: l.checker.Checks(Healthy), ChecksFailed: l.checker.Checks(Failed), ChecksRefused: l.checker.Checks(Refused),
		Calls: l.calls.Live(), CallsRefused: l.calls.Refused(), Pins: l.calls.Pins(),
		PinsWritten: l.Pins.Written.Load(), PinsHeld: l.Pins.Held.Load(), PinsFailed: l.Pins.Failed.Load(),
	}
}

// Metrics is a collector of Stats.
func (l *Local) Metrics() prometheus.Collector {
	s := metric.NewSet("sipring_application_")
	metric.Fields(s, l.Stats)
	return s
}

// Status is what /v1/status shows.
type Status struct {
	// State is Unknown, Serving, Down or Leaving.
	State string `json:"state"`
	// Since when, in milliseconds since 1970.
	Since int64 `json:"since"`
	// Calls that it has, and addresses-of-record that are pinned to it.
	Calls int `json:"calls"`
	Pins  int `json:"pins"`
}

// Status returns it as it is now.
func (l *Local) Status() Status {
	state, since := l.since1970()
	return Status{State: state.String(), Since: since, Calls: l.calls.Live(), Pins: l.calls.Pins()}
}

func (l *Local) since1970() (State, int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, l.since.UnixMilli()
}

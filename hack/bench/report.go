package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// report is all of one run, as --json writes it.
type report struct {
	Date       time.Time `json:"date"`
	Machine    machine   `json:"machine"`
	Command    string    `json:"command"`
	Parameters options   `json:"parameters"`
	SIPp       string    `json:"sipp"`
	Columns    []column  `json:"servers"`
	Rows       []row     `json:"rows"`
}

// column is one server.
type column struct {
	Name    string   `json:"name"`
	Label   string   `json:"label"`
	Version string   `json:"version,omitempty"`
	Problem string   `json:"problem,omitempty"` // why figures are missing
	Samples []sample `json:"samples"`

	target target
}

// row is one metric over all servers. Values and ratios are keyed by the
// server's name; what was not measured is absent.
type row struct {
	Key    string             `json:"key"`
	Label  string             `json:"label"`
	Values map[string]*spread `json:"values"`
	Ratios map[string]*spread `json:"sipring_ratio_to,omitempty"`
	Goal   float64            `json:"goal_to_kamailio,omitempty"`

	digits int
}

// rows computes the table from the samples.
func rows(columns []column) []row {
	out := make([]row, 0, len(metrics()))
	for _, m := range metrics() {
		r := row{Key: m.key, Label: m.label, Goal: m.goal, digits: m.digits, Values: map[string]*spread{}, Ratios: map[string]*spread{}}
		byRound := map[string]map[int]float64{}
		for _, c := range columns {
			byRound[c.Name] = map[int]float64{}
			if c.Problem != "" {
				continue
			}
			var values []float64
			for _, s := range c.Samples {
				if v, ok := m.value(s, c.target); ok {
					values = append(values, v)
					byRound[c.Name][s.Round] = v
				}
			}
			if s := summarize(values); s != nil {
				r.Values[c.Name] = s
			}
		}
		if m.compare {
			for _, c := range columns {
				if s := summarize(ratios(byRound[nameSipring], byRound[c.Name])); s != nil && c.Name != nameSipring {
					r.Ratios[c.Name] = s
				}
			}
		}
		out = append(out, r)
	}
	return out
}

// gaps is an error for all that was asked for and not measured, or at which
// more than 1 % of the requests failed.
func (r report) gaps() error {
	var errs []error
	for _, c := range r.Columns {
		if c.Problem != "" {
			errs = append(errs, fmt.Errorf("%s: %s", c.Label, c.Problem))
			continue
		}
		if n := len(c.Samples); n != r.Parameters.Rounds {
			errs = append(errs, fmt.Errorf("%s: %d of %d rounds", c.Label, n, r.Parameters.Rounds))
		}
		for _, s := range c.Samples {
			for _, w := range c.work(s, r.Parameters) {
				if 100*w.done < 99*w.asked {
					errs = append(errs, fmt.Errorf("%s, round %d: %d of %d %s succeeded", c.Label, s.Round, w.done, w.asked, w.what))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// work is one load of a round: what was asked for, and what succeeded.
type work struct {
	what        string
	asked, done int
}

func (c column) work(s sample, o options) []work {
	all := []work{{"new REGISTERs", o.Bindings, s.New.Result.OK}, {"refreshes", o.Refreshes, s.Refresh.Result.OK}}
	if c.target.stores && o.Digest {
		made := s.Asked
		if made == nil {
			made = &asked{}
		}
		all = append(all, work{"new REGISTERs with digest", o.Bindings, made.New.Result.OK},
			work{"refreshes with digest", o.Refreshes, made.Refresh.Result.OK})
	}
	if c.target.connects && o.Connections > 0 {
		all = append(append(all, s.TCP.work("TCP", o)...), s.TLS.work("TLS", o)...)
	}
	if c.target.relays {
		calls := work{what: "calls", asked: o.Calls}
		if s.Calls != nil {
			calls.done = s.Calls.Result.Succeeded
		}
		all = append(all, calls)
	}
	return all
}

func (r report) json() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

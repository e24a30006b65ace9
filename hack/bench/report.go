package main

import (
	"encoding/json"
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

// sound tells whether the figures may be believed: every server that could be
// started finished every round, and hardly any request failed.
func (r report) sound() bool {
	for _, c := range r.Columns {
		if c.Problem != "" && c.Version != "" {
			return false
		}
		for _, s := range c.Samples {
			requests := s.New.Result.Sent + s.Refresh.Result.Sent
			if 100*(s.New.Result.failed()+s.Refresh.Result.failed()) > requests {
				return false
			}
			if s.Calls != nil && 100*(s.Calls.Result.Created-s.Calls.Result.Succeeded) > s.Calls.Result.Created {
				return false
			}
		}
	}
	return true
}

func (r report) json() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

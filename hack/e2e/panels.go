//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// dashboard is Grafana's, as far as it asks Prometheus.
type dashboard struct {
	Panels      []panel `json:"panels"`
	Annotations struct {
		List []struct {
			Name string `json:"name"`
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
}

type panel struct {
	Title   string `json:"title"`
	Targets []struct {
		Expr    string `json:"expr"`
		Instant bool   `json:"instant"`
	} `json:"targets"`
	Panels []panel `json:"panels"` // of a row that is folded
}

// question is one that the dashboard asks.
type question struct {
	title, expr string
	instant     bool
}

// questions are those of the chart's dashboard, in its order.
func questions() ([]question, error) {
	raw, err := os.ReadFile(filepath.Join(chart, "files", "dashboard.json"))
	if err != nil {
		return nil, err
	}
	var d dashboard
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	all := asked(d.Panels)
	for _, a := range d.Annotations.List {
		all = append(all, question{title: "annotation " + a.Name, expr: a.Expr})
	}
	if len(all) == 0 {
		return nil, errors.New("the dashboard asks nothing")
	}
	return all, nil
}

func asked(panels []panel) (all []question) {
	for _, p := range panels {
		for _, t := range p.Targets {
			all = append(all, question{p.Title, t.Expr, t.Instant})
		}
		all = append(all, asked(p.Panels)...)
	}
	return all
}

// in is the query with Grafana's variables for the time of the case.
func (q question) in(past, interval time.Duration) string {
	return strings.NewReplacer("$namespace", namespace, "$cluster", sipCluster,
		"$__range", promQL(past), "$__rate_interval", promQL(4*interval)).Replace(q.expr)
}

// promQL is how a duration is written there.
func promQL(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

// ofApplications is what the metrics of applications beside proxies begin with, which only
// a SIPCluster with localApp has.
const ofApplications = "sipring_application_"

// panels: each question of the dashboard has an answer with a number in it, over
// the time since the case began.
func (o *observation) panels(ctx context.Context, began time.Time) error {
	all, err := questions()
	if err != nil {
		return err
	}
	var errs []error
	none := 0
	for _, q := range all {
		if strings.Contains(q.expr, ofApplications) {
			none++
			continue
		}
		if err := o.prometheus.numbers(ctx, q.in(time.Since(began), o.prometheus.interval), q.instant, began); err != nil {
			errs = append(errs, fmt.Errorf("panel %q: %w", q.title, err))
		}
	}
	if len(errs) == 0 {
		o.stage.step("all %d queries of the dashboard are answered, but for %d of applications, of which there are none here", len(all), none)
	}
	return errors.Join(errs...)
}

// figures: the dashboard's, over the calm and the losses after it, are those that were
// seen: as many failovers, and the slowest take-over.
func (o *observation) figures(ctx context.Context, failovers int, slowest time.Duration) error {
	all, err := questions()
	if err != nil {
		return err
	}
	past := time.Since(o.calm)
	want := map[string][2]float64{
		"Failovers": {float64(failovers), float64(failovers)},
		"Re-homed":  {float64(o.rehomed), float64(o.rehomed)},
		// The end of the bucket that it is in, from 1 ms to 2.5 times the one before.
		"Slowest take-over": {slowest.Seconds(), max(0.001, 2.5*slowest.Seconds())},
	}
	var errs []error
	found := 0
	for _, q := range all {
		bounds, ok := want[q.title]
		if !ok || !q.instant {
			continue
		}
		found++
		got, err := o.prometheus.query(ctx, q.in(past, o.prometheus.interval))
		if err == nil && len(got) != 1 {
			err = fmt.Errorf("%d values", len(got))
		}
		if err == nil {
			o.stage.step("the dashboard's %q is %v", q.title, got[0].value)
		}
		if err == nil && (got[0].value < bounds[0] || got[0].value > bounds[1]) {
			err = fmt.Errorf("%v, want %v", got[0].value, bounds)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("panel %q: %w", q.title, err))
		}
	}
	if found != len(want) {
		errs = append(errs, fmt.Errorf("the dashboard has %d of %d figures", found, len(want)))
	}
	return errors.Join(errs...)
}

// numbers: the query has a number for an answer, at one time or another since began
// or, if it is instant, now.
func (p *prometheus) numbers(ctx context.Context, text string, instant bool, began time.Time) error {
	path, values := "/api/v1/query", url.Values{"query": {text}}
	if !instant {
		path = "/api/v1/query_range"
		values.Set("start", epoch(began))
		values.Set("end", epoch(time.Now()))
		values.Set("step", promQL(p.interval))
	}
	raw, err := p.get(ctx, path, values)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value  []any   `json:"value"`
				Values [][]any `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	for _, r := range answer.Data.Result {
		for _, v := range append(r.Values, r.Value) {
			if len(v) == 2 && isNumber(v[1]) {
				return nil
			}
		}
	}
	return fmt.Errorf("%s: no number in %d series", text, len(answer.Data.Result))
}

func isNumber(v any) bool {
	text, _ := v.(string)
	n, err := strconv.ParseFloat(text, 64)
	return err == nil && !math.IsNaN(n)
}

// epoch is how a time is written there.
func epoch(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

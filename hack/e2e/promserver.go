//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/sipring/sipring/hack/kube/cluster"
)

// prometheusAddress is on the client machine, from which all pods and the API server
// are reached, and which no fault touches.
const prometheusAddress = "127.0.0.1:9091"

// prometheus is one that runs and scrapes the cluster, as the chart's monitors say.
type prometheus struct {
	cluster  *cluster.Cluster
	cmd      *exec.Cmd
	log      *os.File
	interval time.Duration
	// targets end with it.
	following context.CancelFunc
	followed  sync.WaitGroup
}

// startPrometheus returns when it answers; stop ends it.
func startPrometheus(ctx context.Context, k *kube) (p *prometheus, err error) {
	o := k.stage.o
	interval := o.scrape.String()
	// Interval and rules are the chart's, too: it is asked for them as a user would.
	rendered, err := k.command(ctx, filepath.Join("bin", "helm"), "template", release, chart, "--namespace", operatorNamespace,
		"--set", "metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true,metrics.rules.enabled=true",
		"--set", "metrics.serviceMonitor.interval="+interval+",metrics.podMonitor.interval="+interval)
	if err != nil {
		return nil, err
	}
	found, err := observed(rendered)
	if err != nil {
		return nil, err
	}
	if len(found.monitors) != 2 || len(found.rules) == 0 {
		return nil, fmt.Errorf("the chart has %d monitors and %d groups of rules", len(found.monitors), len(found.rules))
	}
	dir, err := os.MkdirTemp("", "prometheus-")
	if err != nil {
		return nil, err
	}
	if err := found.write(dir, interval); err != nil {
		return nil, err
	}
	p = &prometheus{cluster: k.cluster, interval: o.scrape}
	if p.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	// Not under ctx: stop ends it.
	p.cmd = k.clientCommand(context.WithoutCancel(ctx), "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+prometheusAddress, "--log.level=warn")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	t := &targets{kube: k, dir: dir}
	if err := t.write(ctx); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.following = stop
	p.followed.Go(func() { t.follow(following) })
	if err := eventually(ctx, startLimit, p.ready); err != nil {
		p.stop()
		raw, _ := os.ReadFile(p.log.Name())
		return nil, fmt.Errorf("prometheus: %w: %s", err, raw)
	}
	return p, nil
}

// write makes a folder for Prometheus of what the chart has for it.
func (o observability) write(dir, interval string) error {
	rules, err := json.Marshal(map[string]any{"groups": o.rules})
	if err != nil {
		return err
	}
	ruleFile := filepath.Join(dir, "rules.yaml") // JSON is YAML
	config, err := o.configuration(dir, interval, ruleFile)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(ruleFile, rules, 0o600), os.WriteFile(filepath.Join(dir, "prometheus.yaml"), config, 0o600))
}

func (p *prometheus) stop() {
	p.following()
	p.followed.Wait()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	kill.Stop()
	_ = p.log.Close()
}

func (p *prometheus) ready(ctx context.Context) error {
	_, err := p.get(ctx, "/-/ready", nil)
	return err
}

// get asks its API.
func (p *prometheus) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	at := url.URL{Scheme: "http", Host: prometheusAddress, Path: path, RawQuery: query.Encode()}
	return fetch(ctx, p.cluster, at.String())
}

// sample is one value of an answer.
type sample struct {
	labels map[string]string
	value  float64
}

// query is the answer to PromQL now, of which each part has to be a number.
func (p *prometheus) query(ctx context.Context, text string) ([]sample, error) {
	raw, err := p.get(ctx, "/api/v1/query", url.Values{"query": {text}})
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", text, err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string  `json:"metric"`
				Value  [2]json.RawMessage `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("query %s: %w", text, err)
	}
	var all []sample
	for _, r := range answer.Data.Result {
		var number string
		if err := json.Unmarshal(r.Value[1], &number); err != nil {
			return nil, fmt.Errorf("query %s: %w", text, err)
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, fmt.Errorf("query %s: %w", text, err)
		}
		all = append(all, sample{labels: r.Metric, value: v})
	}
	return all, nil
}

// by is the answer by one of its labels.
func (p *prometheus) by(ctx context.Context, label, text string) (map[string]float64, error) {
	all, err := p.query(ctx, text)
	found := map[string]float64{}
	for _, s := range all {
		found[s.labels[label]] = s.value
	}
	return found, err
}

// alert is one that Prometheus has.
type alert struct {
	Labels   map[string]string `json:"labels"`
	State    string            `json:"state"`
	ActiveAt time.Time         `json:"activeAt"`
}

// firing are the alerts of a SIPCluster that fire, by name.
func (p *prometheus) firing(ctx context.Context, sipCluster string) (map[string]alert, error) {
	raw, err := p.get(ctx, "/api/v1/alerts", nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Alerts []alert `json:"alerts"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	found := map[string]alert{}
	for _, a := range answer.Data.Alerts {
		if a.Labels["namespace"] == namespace && a.Labels["cluster"] == sipCluster && a.State == "firing" {
			found[a.Labels["alertname"]] = a
		}
	}
	return found, nil
}

// scraped waits until every target was asked once more, whatever it answered, and the
// rules were evaluated after that.
func (p *prometheus) scraped(ctx context.Context) error {
	from, last := time.Now(), time.Time{}
	return eventually(ctx, 4*p.interval+startLimit, func(ctx context.Context) (err error) {
		if last.IsZero() {
			if last, err = p.lastScrape(ctx, from); err != nil {
				return err
			}
		}
		raw, err := p.get(ctx, "/api/v1/rules", nil)
		if err != nil {
			return err
		}
		var answer struct {
			Data struct {
				Groups []struct {
					Name           string    `json:"name"`
					LastEvaluation time.Time `json:"lastEvaluation"`
				} `json:"groups"`
			} `json:"data"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return fmt.Errorf("rules: %w", err)
		}
		if len(answer.Data.Groups) == 0 {
			return errors.New("there are no rules")
		}
		for _, g := range answer.Data.Groups {
			if g.LastEvaluation.Before(last) {
				return fmt.Errorf("group %s was evaluated at %v last", g.Name, g.LastEvaluation)
			}
		}
		return nil
	})
}

// lastScrape is when the last of all targets was scraped first after the time.
func (p *prometheus) lastScrape(ctx context.Context, from time.Time) (last time.Time, err error) {
	raw, err := p.get(ctx, "/api/v1/targets", url.Values{"state": {"active"}})
	if err != nil {
		return last, err
	}
	var answer struct {
		Data struct {
			ActiveTargets []struct {
				ScrapeURL  string    `json:"scrapeUrl"`
				LastScrape time.Time `json:"lastScrape"`
			} `json:"activeTargets"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return last, fmt.Errorf("targets: %w", err)
	}
	if len(answer.Data.ActiveTargets) == 0 {
		return last, errors.New("there are no targets")
	}
	for _, t := range answer.Data.ActiveTargets {
		if t.LastScrape.Before(from) {
			return time.Time{}, fmt.Errorf("%s was scraped at %v last", t.ScrapeURL, t.LastScrape)
		}
		if t.LastScrape.After(last) {
			last = t.LastScrape
		}
	}
	return last, nil
}

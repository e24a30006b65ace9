package charts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// scraper is a real Prometheus on loopback.
type scraper struct {
	*testing.T
	url string
}

// target is what it scrapes, once a second.
type target struct {
	address string
	labels  map[string]string
}

// startPrometheus runs one until the test ends.
func startPrometheus(t *testing.T, targets ...target) *scraper {
	t.Helper()
	path := debian(t, "prometheus")
	dir := t.TempDir()
	var jobs []any
	for i, to := range targets {
		jobs = append(jobs, map[string]any{
			"job_name": fmt.Sprintf("%d-%s", i, to.labels["pod"]), "honor_labels": true,
			"static_configs": []any{map[string]any{"targets": []string{to.address}, "labels": to.labels}},
		})
	}
	config, err := yaml.Marshal(map[string]any{
		"global":         map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s"},
		"scrape_configs": jobs,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	cmd := exec.Command(path, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", read(t, log.Name()))
		}
	})
	return &scraper{T: t, url: "http://" + address}
}

// freeAddress is one of loopback that nobody has.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// debian is the path of a program that Debian's package prometheus brings.
func debian(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		how := "needs " + program + ", of Debian's package prometheus: hack/tools/packages.sh hack/dashboard/packages.txt (as root)"
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return path
}

// point is a value of a series, at a time in seconds since 1970.
type point struct{ at, value float64 }

// ask returns the points of each series that a query answers with, those left out that
// are no number (NaN).
func (p *scraper) ask(path string, with url.Values) ([][]point, error) {
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/"+path+"?"+with.Encode(), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Value  [2]any
				Values [][2]any
			}
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("%s: %w", res.Status, err)
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	var all [][]point
	for _, series := range answer.Data.Result {
		var numbers []point
		for _, v := range append(series.Values, series.Value) {
			at, _ := v[0].(float64)
			text, _ := v[1].(string)
			if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(n) {
				numbers = append(numbers, point{at, n})
			}
		}
		if len(numbers) > 0 {
			all = append(all, numbers)
		}
	}
	return all, nil
}

// now is what a query answers with at this moment.
func (p *scraper) now(query string) ([][]point, error) {
	return p.ask("query", url.Values{"query": {query}})
}

// over is that over a time, a value a second.
func (p *scraper) over(from, to time.Time, query string) ([][]point, error) {
	at := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
	return p.ask("query_range", url.Values{"query": {query}, "start": {at(from)}, "end": {at(to)}, "step": {"1"}})
}

// await waits until a query answers with that number.
func (p *scraper) await(query string, want float64) {
	p.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		got, err := p.now(query)
		if err == nil && len(got) == 1 && got[0][0].value == want {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("%s is %v, want %v: %v", strings.TrimSpace(query), got, want, err)
		}
		time.Sleep(100 * time.Millisecond) // how often it is asked
	}
}

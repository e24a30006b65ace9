package charts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sipring/sipring/demo"
	"github.com/sipring/sipring/demo/phones"
)

// board is what the tests read of the dashboard.
type board struct {
	Panels []struct {
		Type, Title string
		Targets     []struct {
			Expr    string
			Instant bool
		}
		GridPos struct{ X, Y, W, H int }
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
	Templating struct {
		List []struct{ Name string }
	}
}

func theBoard(t *testing.T) *board {
	t.Helper()
	b := &board{}
	if err := json.Unmarshal([]byte(read(t, "sipring/files/dashboard.json")), b); err != nil {
		t.Fatal(err)
	}
	if len(b.Panels) < 30 {
		t.Fatalf("%d panels", len(b.Panels))
	}
	return b
}

// TestDashboardNamesWhatThereIs: metrics, labels and their values.
func TestDashboardNamesWhatThereIs(t *testing.T) {
	for _, f := range undocumented(t, strings.ReplaceAll(read(t, "sipring/files/dashboard.json"), `\"`, `"`)) {
		t.Error(f)
	}
}

// TestDashboardIsLaidOut: no panel lies over another, or beyond the edge.
func TestDashboardIsLaidOut(t *testing.T) {
	taken := map[[2]int]string{}
	for _, p := range theBoard(t).Panels {
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q at %d, %d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// TestDashboardOfTheChart: a ConfigMap, where asked for, that Grafana's sidecar finds.
func TestDashboardOfTheChart(t *testing.T) {
	const key = "ConfigMap/" + operator + "-dashboard"
	if objects(t)[key] != nil {
		t.Error("a dashboard without being asked for")
	}
	u := objects(t, "--set", "metrics.dashboard.enabled=true,metrics.dashboard.annotations.grafana_folder=Telephony")[key]
	if u == nil {
		t.Fatal("the chart renders none")
	}
	if u.GetLabels()["grafana_dashboard"] != "1" || u.GetAnnotations()["grafana_folder"] != "Telephony" {
		t.Errorf("labels %v, annotations %v", u.GetLabels(), u.GetAnnotations())
	}
	data, _ := u.Object["data"].(map[string]any)
	if text, _ := data["sipring.json"].(string); strings.TrimSpace(text) != strings.TrimSpace(read(t, "sipring/files/dashboard.json")) {
		t.Error("it is not the file")
	}
}

// TestDashboardShowsAFailover: every query of every panel answers, with a Prometheus
// that scraped proxies of which one was killed, and an operator that saw it.
func TestDashboardShowsAFailover(t *testing.T) {
	debian(t, "prometheus")
	t.Setenv(child, "1")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const n = 24
	proxies, err := demo.StartProxies(ctx, "", 3, demo.Guests{Phones: n}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer proxies.Close()
	o := startOperator(t, 3)
	shown := httptest.NewServer(promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}))
	defer shown.Close()
	targets := []target{{address: strings.TrimPrefix(shown.URL, "http://"), labels: map[string]string{"pod": "operator"}}}
	for _, name := range proxies.Names() {
		targets = append(targets, target{address: strings.TrimPrefix(proxies.Admin(name), "http://"), labels: map[string]string{"namespace": o.namespace, "cluster": o.name, "pod": name}})
	}
	began := time.Now()
	p := startPrometheus(t, targets...)
	p.await(`count(up == 1)`, 4)
	p.await(`sum(sipring_operator_members{state="active"})`, 3)

	load, err := phones.NewLoad(n, phones.Config{
		Domain: "example.com", Local: netip.AddrPortFrom(proxies.Host(200), 0), Proxy: proxies.Address(), Ring: 10 * time.Millisecond,
	}, func(cfg phones.Config) (*phones.Phone, error) {
		cfg.Password = proxies.Passwords()[cfg.User]
		return phones.New(cfg)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer load.Close()
	if r := load.Register(ctx); !r.Whole() {
		t.Fatalf("%d of %d registered: %v", r.OK, n, r.Errors)
	}
	call := func() {
		t.Helper()
		if c := load.CallAll(ctx, phones.Calling{Order: load.Everybody(), Patience: 20 * time.Second}); !c.Reached.Whole() {
			t.Fatalf("%d of %d called: %v", c.Reached.OK, n, c.Reached.Errors)
		}
		if _, err := load.Phones[0].Dial(ctx, "nobody"); err == nil {
			t.Fatal("nobody answered")
		}
	}
	call()
	p.await(`sum(sipring_proxy_bindings{role="home"})`, n)
	more := func() { // for a picture: a round of calls between scrapes
		for i := 0; *plot != "" && i < 6; i++ {
			call()
			p.await(fmt.Sprintf(`count(timestamp(up) > %d.%03d)`, time.Now().Unix(), time.Now().UnixMilli()%1000), 4)
		}
	}
	more()
	killed, err := proxies.Kill("proxy-0")
	if err != nil {
		t.Fatal(err)
	}
	o.lose(0)
	call()
	if err := proxies.Whole(ctx); err != nil {
		t.Fatal(err)
	}
	p.await(`count(sipring_proxy_ring_members == 3)`, 3)
	p.await(`max(sipring_proxy_failovers_total)`, 1)
	p.await(`sum(sipring_operator_failovers_total)`, 1)
	p.await(`sum(sipring_proxy_bindings{role="home"})`, n)
	p.await(`sum(sipring_proxy_bindings) / sum(sipring_proxy_bindings{role="home"})`, 2)
	p.await(`count(changes(process_start_time_seconds{pod="proxy-0"}[1m]) == 1)`, 1)
	more()
	p.answersAll(o, began)
	if *plot != "" {
		p.draw(*plot, killed.Add(-6*time.Second), killed, time.Now())
	}
}

// answersAll runs every query.
func (p *scraper) answersAll(o *operated, began time.Time) {
	p.Helper()
	fill := strings.NewReplacer("$namespace", o.namespace, "$cluster", o.name, "$__range", "1m", "$__rate_interval", "10s", "offset 15s", "offset 1s")
	b, figures := theBoard(p.T), map[string]float64{}
	now := time.Now()
	for _, panel := range b.Panels {
		if panel.Type != "row" && len(panel.Targets) == 0 {
			p.Errorf("%s asks nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			if strings.Contains(target.Expr, "sipring_application_") {
				continue // of proxies with an application beside them, which these have not
			}
			query := fill.Replace(target.Expr)
			ask := func() ([][]point, error) { return p.over(began, now, query) }
			if target.Instant {
				ask = func() ([][]point, error) { return p.now(query) }
			}
			got, err := ask()
			if err != nil || len(got) == 0 {
				p.Errorf("%s: %d series, %v, for %s", panel.Title, len(got), err, query)
				continue
			}
			figures[panel.Title] = got[0][0].value
		}
	}
	for _, a := range b.Annotations.List {
		if got, err := p.over(began, now, fill.Replace(a.Expr)); err != nil || len(got) == 0 {
			p.Errorf("%s: %d series, %v, for %s", a.Name, len(got), err, a.Expr)
		}
	}
	for title, want := range map[string]float64{"In the ring": 3, "Failovers": 1, "Registrations": 24, "Copies of each": 2} {
		if got, ok := figures[title]; !ok || got != want {
			p.Errorf("%s is %v, want %v", title, got, want)
		}
	}
	if re := figures["Re-homed"]; re < 1 || re >= 24 {
		p.Errorf("%v re-homed", re)
	}
	if share := figures["Failed calls"]; share <= 0 || share > 0.1 { // two of fifty
		p.Errorf("%v of the calls failed", share)
	}
}

package charts_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const rulesFile = "sipring/files/rules.yaml"

// alert is one of the rules.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type alertGroups struct {
	Groups []struct {
		Name  string  `json:"name"`
		Rules []alert `json:"rules"`
	} `json:"groups"`
}

func (g *alertGroups) all() (all []alert) {
	for _, group := range g.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func alerts(t *testing.T) *alertGroups {
	t.Helper()
	g := &alertGroups{}
	if err := yaml.UnmarshalStrict([]byte(read(t, rulesFile)), g); err != nil {
		t.Fatal(err)
	}
	if len(g.all()) < 15 {
		t.Fatalf("%d alerts", len(g.all()))
	}
	return g
}

// promtool runs it and returns what it says.
func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), debian(t, "promtool"), args...).CombinedOutput()
	return string(out), err
}

// TestAlerts plays what happens to a cluster, as a Prometheus sees that scrapes every
// 15 s, and sees which alerts fire, and which do not.
func TestAlerts(t *testing.T) {
	if out, err := promtool(t, "check", "rules", rulesFile); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	files, err := filepath.Glob("promtool/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	if out, err := promtool(t, append([]string{"test", "rules"}, files...)...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	played := ""
	for _, f := range files {
		played += read(t, f)
	}
	for _, a := range alerts(t).all() {
		if !strings.Contains(played, `{alertname="`+a.Alert+`"}`) {
			t.Errorf("nothing is played in which %s fires", a.Alert)
		}
	}
}

// TestAlertsTellWhatToDo: each says of which cluster it is, how bad it is, which
// command shows the cause, and where to read on.
func TestAlertsTellWhatToDo(t *testing.T) {
	for _, a := range alerts(t).all() {
		if s := a.Labels["severity"]; s != "info" && s != "warning" && s != "critical" {
			t.Errorf("%s has severity %q", a.Alert, s)
		}
		if s := a.Annotations["summary"]; !strings.Contains(s, "{{ $labels.namespace }}/{{ $labels.cluster }}") || len(s) > 150 {
			t.Errorf("%s: summary %q", a.Alert, s)
		}
		if d := a.Annotations["description"]; !strings.Contains(d, "kubectl ") {
			t.Errorf("%s names no command: %q", a.Alert, d)
		}
	}
}

// rule is what the chart makes of the rules.
func rule(t *testing.T, set ...string) (labels map[string]string, spec alertGroups) {
	t.Helper()
	args := []string{"--set", "metrics.rules.enabled=true"}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	u := objects(t, args...)["PrometheusRule/"+operator]
	if u == nil {
		t.Fatal("the chart renders no rule")
	}
	text, err := json.Marshal(u.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, &spec); err != nil {
		t.Fatal(err)
	}
	return u.GetLabels(), spec
}

// TestRuleOfTheChart: it is there when asked for, is what the file says unless values
// say otherwise, and no value is without effect.
func TestRuleOfTheChart(t *testing.T) {
	if objects(t)["PrometheusRule/"+operator] != nil {
		t.Error("a rule without being asked for")
	}
	file := alerts(t)
	_, spec := rule(t)
	if d := cmp.Diff(*file, spec); d != "" {
		t.Errorf("file (-) and chart (+), with the values that it comes with:\n%s", d)
	}
	labels, spec := rule(t, "metrics.rules.labels.release=prom", "metrics.rules.alertLabels.team=voice", "metrics.rules.alertLabels.severity=none",
		"metrics.rules.disabled={SipringFailover,SipringOperatorAway}", "metrics.rules.runbook=https://wiki.example.com/sip",
		"metrics.rules.thresholds.SipringCallsFailing=0.5", "metrics.rules.thresholds.SipringFailoversRepeated=7")
	if labels["release"] != "prom" || labels["app.kubernetes.io/name"] != operator {
		t.Errorf("labels %v", labels)
	}
	if n := len(file.all()) - len(spec.all()); n != 2 || len(spec.Groups) != len(file.Groups)-1 {
		t.Errorf("two are disabled, %d are left out, %d groups are left", n, len(spec.Groups))
	}
	for _, a := range spec.all() {
		if a.Labels["team"] != "voice" || a.Labels["severity"] == "none" || a.Annotations["runbook_url"] != "https://wiki.example.com/sip#"+strings.ToLower(a.Alert) {
			t.Errorf("%s: %v %v", a.Alert, a.Labels, a.Annotations)
		}
		switch {
		case a.Alert == "SipringCallsFailing" && strings.Count(a.Expr, "> 0.5 # threshold") != 1,
			a.Alert == "SipringFailoversRepeated" && strings.Count(a.Expr, ">= 7 # threshold") != 2:
			t.Errorf("%s keeps its threshold: %s", a.Alert, a.Expr)
		}
	}
}

// TestThresholdsAreInTheValues: whoever reads them finds every one that can be set.
func TestThresholdsAreInTheValues(t *testing.T) {
	var values struct {
		Metrics struct {
			Rules struct{ Thresholds map[string]any }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "sipring/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	marked := map[string]bool{}
	for _, a := range alerts(t).all() {
		if strings.Contains(a.Expr, "# threshold") {
			marked[a.Alert] = true
		}
	}
	valued := map[string]bool{}
	for name := range values.Metrics.Rules.Thresholds {
		valued[name] = true
	}
	if d := cmp.Diff(marked, valued); d != "" {
		t.Errorf("rules (-) and values (+):\n%s", d)
	}
}

// TestRuleRefuses: a name that is none would change nothing.
func TestRuleRefuses(t *testing.T) {
	binary := helmBinary(t)
	for name, set := range map[string]string{
		"disabled, and no alert":        "metrics.rules.disabled={SipringFailure}",
		"a threshold of no alert":       "metrics.rules.thresholds.SipringFailure=3",
		"a threshold where there is no": "metrics.rules.thresholds.SipringFailover=3",
		"a threshold that is no number": "metrics.rules.thresholds.SipringClockSkew=long",
	} {
		out, err := exec.CommandContext(t.Context(), binary, "template", "sipring", "sipring", "--set", "metrics.rules.enabled=true", "--set", set).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "rules") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// documentedMetrics are the labels of each metric of docs/metrics.md, and what it
// says there; that it is what is registered is tested beside the metrics.
func documentedMetrics(t *testing.T) map[string][2]string {
	t.Helper()
	all := map[string][2]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(sipring_[a-z_]+)(?:\\{([a-z,]+)\\})?` \\| [a-z]+ \\| (.*) \\|$").FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		all[m[1]] = [2]string{m[2], m[3]}
	}
	return all
}

// targetLabels are those of every series: the monitors give them, or Prometheus.
var targetLabels = []string{"namespace", "cluster", "pod", "instance", "job", "le"}

var (
	metricNames = regexp.MustCompile(`\b(sipring_[a-z_]+)(?:\{([^}]*)\})?`)
	matchers    = regexp.MustCompile(`([a-z_]+)(?:=|!=|=~|!~)\\?"([^"\\]*)`)
)

// undocumented lists metrics, labels and values of labels that a text with PromQL names
// and docs/metrics.md does not.
func undocumented(t *testing.T, text string) (faults []string) {
	t.Helper()
	documented := documentedMetrics(t)
	for _, m := range metricNames.FindAllStringSubmatch(text, -1) {
		name, of := m[1], [2]string{}
		for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
			if d, ok := documented[strings.TrimSuffix(name, suffix)]; ok {
				of = d
			}
		}
		if of[1] == "" {
			faults = append(faults, name)
			continue
		}
		for _, l := range matchers.FindAllStringSubmatch(m[2], -1) {
			label, values := l[1], l[2]
			if slices.Contains(targetLabels, label) {
				continue
			}
			if !strings.Contains(","+of[0]+",", ","+label+",") {
				faults = append(faults, name+" has no label "+label)
				continue
			}
			for value := range strings.SplitSeq(values, "|") {
				if label != "code" && label != "method" && !strings.Contains(of[1], "`"+value+"`") {
					faults = append(faults, name+" by "+label+" is never "+value)
				}
			}
		}
	}
	return faults
}

// TestAlertsNameWhatThereIs: an alert by a metric that nobody shows never fires.
func TestAlertsNameWhatThereIs(t *testing.T) {
	for _, f := range undocumented(t, read(t, rulesFile)) {
		t.Errorf("%s: %s", rulesFile, f)
	}
	if n := undocumented(t, `sipring_proxy_nothing + sipring_proxy_bindings{rule="home"} + sipring_proxy_bindings{role="house"}`); len(n) != 3 {
		t.Errorf("what there is not is found in %q only", n)
	}
}

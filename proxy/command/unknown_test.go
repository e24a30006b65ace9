package command

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// TestUnknownFieldsAreToldOnceAndCounted at the start, and at each change of them.
func TestUnknownFieldsAreToldOnceAndCounted(t *testing.T) {
	f := newFolder(t, 1)
	config := func(more string) []byte {
		return fmt.Appendf(nil, "cluster: test\ndomains: [example.com]\n%s\n", more)
	}
	f.write("config.yaml", config("logLevl: debug\nregistrar: {q: 1}"))
	p, err := (&options{config: f.file("config.yaml"), members: f.file("members.json"), name: "m1"}).prepare()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	p.log = slog.New(slog.NewTextHandler(&log, nil))
	told := func() (warnings int, text string) {
		defer log.Reset()
		return strings.Count(log.String(), "level=WARN msg=\"configuration has fields that this version does not know"), log.String()
	}
	counted := func() float64 {
		families, err := p.metrics.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() == "sipring_proxy_config_unknown_fields" {
				return family.Metric[0].Gauge.GetValue()
			}
		}
		return -1
	}
	p.warnUnknown(p.config.Load())
	if n, text := told(); n != 1 || !strings.Contains(text, "[logLevl registrar.q]") || counted() != 2 {
		t.Errorf("at the start: %d warnings, %v counted: %s", n, counted(), text)
	}
	for _, step := range []struct {
		more            string
		warnings, count int
	}{
		{"logLevl: info\nregistrar: {q: 2}", 0, 2}, // the same fields
		{"registrar: {q: 2}", 1, 1},
		{"drainSeconds: 9\nregistrar: {q: 2}", 0, 1},
		{"", 0, 0},
		{"zz: 1", 1, 1},
	} {
		p.reconfigure(config(step.more), nil)
		if n, text := told(); n != step.warnings || counted() != float64(step.count) {
			t.Errorf("%q: %d warnings, %v counted, want %d, %d: %s", step.more, n, counted(), step.warnings, step.count, text)
		}
	}
}

// TestCheck finds what a start would only warn of, or come to later.
func TestCheck(t *testing.T) {
	f := newFolder(t, 2)
	f.write("typo.yaml", []byte("cluster: test\ndomains: [example.com]\negress: {denied: [10.0.0.0/8]}\n"))
	f.write("none.json", []byte("{"))
	good := []string{"--check", "--config", f.file("config.yaml"), "--members", f.file("members.json"), "--keys", f.file("keys.json")}
	for name, tt := range map[string]struct {
		more []string
		want []string
	}{
		"all well":       {nil, nil},
		"misspelt field": {[]string{"--config", f.file("typo.yaml")}, []string{"typo.yaml: unknown fields: egress.denied"}},
		"everything":     {[]string{"--config", f.file("typo.yaml"), "--members", f.file("none.json"), "--keys", f.file("none.json"), "--trust", f.file("none.json")}, []string{"egress.denied", "none.json: parse member set", "parse keys", "parse trust"}},
		"no such file":   {[]string{"--members", f.file("missing")}, []string{"no such file"}},
	} {
		cmd := Proxy()
		cmd.SetArgs(append(append([]string{}, good...), tt.more...))
		cmd.SetErr(io.Discard)
		err := cmd.ExecuteContext(t.Context())
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range tt.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v lacks %q", name, err, want)
			}
		}
	}
}

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exampleReport: sipring twice as fast in round 1, three times in round 2; the
// echo died.
func exampleReport() report {
	one := func(round int, cpu time.Duration, failed int) sample {
		r := phase[registerResult]{CPU: cpu, Result: registerResult{Sent: 1000 + failed, OK: 1000, Timeouts: failed, Seconds: 0.1, P50: 9, P99: 99}}
		return sample{
			Round: round, New: r, Refresh: r, Idle: phase[idleResult]{CPU: time.Millisecond, Result: idleResult{Seconds: 2}}, Bindings: 1000, MemoryBefore: 1 << 20, MemoryAfter: 2 << 20,
			Calls: &phase[callResult]{CPU: cpu, Result: callResult{Created: 100, Succeeded: 100}},
			TCP:   &connected{Refresh: r, Calls: &phase[callResult]{CPU: 2 * cpu, Result: callResult{Created: 100, Succeeded: 100}}},
			TLS:   &connected{Refresh: r},
			Asked: &asked{New: r, Refresh: phase[registerResult]{CPU: cpu + 5*time.Millisecond, Result: r.Result}},
		}
	}
	stores := target{stores: true, relays: true}
	r := report{
		Date: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Command: "go run ./hack/bench", SIPp: "v3.6.1",
		Parameters: options{Rounds: 2, Bindings: 1000, Refreshes: 1000, Calls: 100, Digest: true},
		Columns: []column{
			{
				Name: nameSipring, Label: "sipring", Version: "abc", target: stores,
				Samples: []sample{one(1, 10*time.Millisecond, 0), one(2, 20*time.Millisecond, 0)},
			},
			{
				Name: nameKamailio, Label: "Kamailio", Version: "5.6.3", target: stores,
				Samples: []sample{one(1, 20*time.Millisecond, 0), one(2, 60*time.Millisecond, 3)},
			},
			{Name: nameEcho, Label: "UDP echo", Problem: "failed in round 2: exited", Samples: []sample{one(1, time.Millisecond, 0)}},
		},
	}
	r.Rows = rows(r.Columns)
	return r
}

func TestTableShowsMeasuredFiguresAndReasons(t *testing.T) {
	table := exampleReport().cells()
	for i, want := range map[int][]string{
		0:  {"", "sipring", "Kamailio", "UDP echo", "sipring/Kamailio", "sipring/UDP echo", "goal, to Kamailio"},
		1:  {"server CPU per REGISTER, refresh [us]", "15.0 (10.0-20.0)", "40.0 (20.0-60.0)", "failed", "0.42 (0.33-0.50)", "-", "<= 0.25"},
		3:  {"server CPU per REGISTER, refresh with digest [us]", "20.0 (15.0-25.0)", "45.0 (25.0-65.0)", "failed", "0.49 (0.38-0.60)", "-", "<= 0.80"},
		5:  {"server CPU per call, 7 messages [us]", "150.0 (100.0-200.0)", "400.0 (200.0-600.0)", "failed", "0.42 (0.33-0.50)", "-", "<= 0.33"},
		6:  {"server CPU per REGISTER, refresh over TCP [us]", "15.0 (10.0-20.0)", "40.0 (20.0-60.0)", "failed", "0.42 (0.33-0.50)", "-", "<= 0.80"},
		7:  {"server CPU per call over TCP, 7 messages [us]", "300.0 (200.0-400.0)", "800.0 (400.0-1200.0)", "failed", "0.42 (0.33-0.50)", "-", "<= 0.80"},
		9:  {"server CPU per call over TLS, 7 messages [us]", "-", "-", "failed", "-", "-", "<= 0.80"},
		10: {"server CPU without load [ms/s]", "0.50", "0.50", "failed", "1.00", "-", ""},
		15: {"memory per binding [bytes]", "1049", "1049", "failed", "1.00", "-", "<= 0.25"},
		16: {"REGISTERs not answered 200", "0", "3 (0-6)", "failed", "-", "-", ""},
	} {
		if d := cmp.Diff(want, table[i]); d != "" {
			t.Errorf("line %d: %s", i, d)
		}
	}
}

func TestMarkdownRowsHaveEqualCells(t *testing.T) {
	seen := 0
	for line := range strings.Lines(exampleReport().markdown()) {
		if strings.HasPrefix(line, "|") {
			seen++
			if n := strings.Count(line, "|"); n != 8 {
				t.Errorf("%d bars in %q", n, line)
			}
		}
	}
	if want := 2 + len(metrics()); seen != want {
		t.Errorf("%d table lines, want %d", seen, want)
	}
}

func TestTextEndsInOneNewline(t *testing.T) {
	for name, text := range map[string]string{"text": exampleReport().text(), "markdown": exampleReport().markdown()} {
		if !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
			t.Errorf("%s ends in %q", name, text[len(text)-10:])
		}
	}
}

func TestJSONOmitsWhatWasNotMeasured(t *testing.T) {
	b, err := exampleReport().json()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Rows []struct {
			Key    string             `json:"key"`
			Values map[string]*spread `json:"values"`
			Ratios map[string]*spread `json:"sipring_ratio_to"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	first := got.Rows[0]
	if _, ok := first.Values[nameEcho]; ok || first.Values[nameSipring] == nil {
		t.Errorf("values: %v", first.Values)
	}
	if d := cmp.Diff(map[string]*spread{nameKamailio: {Median: 5.0 / 12, Min: 1.0 / 3, Max: 0.5, Rounds: 2}}, first.Ratios,
		cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })); d != "" {
		t.Error(d)
	}
}

func TestGaps(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*report)
		want   string
	}{
		"hardly any failures":      {func(r *report) { r.Columns[0].Samples[0].Refresh.Result.OK = 995 }, ""},
		"no calls asked for":       {func(r *report) { r.Parameters.Calls, r.Columns[0].Samples[0].Calls = 0, nil }, ""},
		"a server that died":       {func(r *report) { r.Columns[1].Problem = "failed in round 2: exited" }, "Kamailio: failed in round 2: exited"},
		"a round less":             {func(r *report) { r.Columns[0].Samples = r.Columns[0].Samples[1:] }, "sipring: 1 of 2 rounds"},
		"many REGISTERs failed":    {func(r *report) { r.Columns[0].Samples[0].New.Result.OK = 900 }, "sipring, round 1: 900 of 1000 new REGISTERs succeeded"},
		"many refreshes failed":    {func(r *report) { r.Columns[1].Samples[1].Refresh.Result.OK = 0 }, "Kamailio, round 2: 0 of 1000 refreshes succeeded"},
		"many calls failed":        {func(r *report) { r.Columns[0].Samples[0].Calls.Result.Succeeded = 90 }, "sipring, round 1: 90 of 100 calls succeeded"},
		"nobody was asked":         {func(r *report) { r.Columns[0].Samples[1].Asked = nil }, "sipring, round 2: 0 of 1000 new REGISTERs with digest succeeded\nsipring, round 2: 0 of 1000 refreshes with digest succeeded"},
		"nobody was to be asked":   {func(r *report) { r.Parameters.Digest, r.Columns[0].Samples[1].Asked = false, nil }, ""},
		"calls that were not made": {func(r *report) { r.Columns[0].Samples[1].Calls = nil }, "sipring, round 2: 0 of 100 calls succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			r := exampleReport()
			r.Columns = r.Columns[:2] // the echo is a gap in any case
			tt.change(&r)
			got := ""
			if err := r.gaps(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFormatSpread(t *testing.T) {
	for name, tt := range map[string]struct {
		spread *spread
		digits int
		want   string
	}{
		"none":                        {nil, 1, "-"},
		"one round has no range":      {&spread{1.25, 1.25, 1.25, 1}, 2, "1.25"},
		"range":                       {&spread{2, 1, 4, 3}, 0, "2 (1-4)"},
		"rounding hides the range":    {&spread{2, 1.9, 2.1, 3}, 0, "2"},
		"negative zero is zero":       {&spread{-0.3, -0.3, -0.3, 1}, 0, "0"},
		"memory may shrink, as found": {&spread{-5, -5, -5, 1}, 0, "-5"},
	} {
		if got := formatSpread(tt.spread, tt.digits); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

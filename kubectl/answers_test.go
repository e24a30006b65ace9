package kubectl

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/control/answers"
)

// TestTraceAnswers: the lines of a trace are read whole, field by field.
func TestTraceAnswers(t *testing.T) {
	at := time.Unix(1, 0).UTC()
	for _, tt := range []struct {
		said any
		want traced
	}{
		{
			answers.Message{Time: at, Direction: "in", Local: "10.0.0.1:5060", Remote: "192.0.2.7:5060", StartLine: "BYE", Message: "BYE sip:b"},
			traced{Time: &at, Direction: "in", Local: "10.0.0.1:5060", Remote: "192.0.2.7:5060", StartLine: "BYE", Message: "BYE sip:b"},
		},
		{answers.End{End: answers.EndRate, Dropped: 3}, traced{End: "rate", Dropped: 3}},
	} {
		said, err := json.Marshal(tt.said)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(said))
		d.DisallowUnknownFields()
		var got traced
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	}
}

// TestMetric: the metric that is read is one that proxies have.
func TestMetric(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("| `"+lostMetric+"` | counter |")) {
		t.Errorf("docs/metrics.md has no counter %s", lostMetric)
	}
	for text, want := range map[string]float64{
		"": 0, lostMetric + " 3\n": 3, "# TYPE " + lostMetric + " counter\n" + lostMetric + " 1e+06\nx 1\n": 1e6,
		lostMetric + "_more 3\n": 0, lostMetric + " x\n": 0,
	} {
		if got := value([]byte(text), lostMetric); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

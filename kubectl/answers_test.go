package kubectl

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/control"
)

// TestAnswers: what proxies answer is read whole, field by field.
func TestAnswers(t *testing.T) {
	b := control.Binding{
		Contact: "sip:bob@192.0.2.7", ExpiresSeconds: 60, Q: 0.5, CallID: "a@b", CSeq: 7, Instance: "<urn:uuid:1>",
		RegID: 1, Received: "192.0.2.7:5060", Listener: "udp", Owner: "ring-0", RegisteredSecondsAgo: 3,
	}
	tests := map[string]struct{ said, read any }{
		"where": {&control.Where{
			AOR: "sip:bob@example.com", Partition: 3, Epoch: 9, Member: "ring-1", Home: "ring-0", Replicas: []string{"ring-1"},
			Held: &control.Held{Role: "replica", Bindings: []control.Binding{b}},
		}, &whereAnswer{}},
		"bindings": {&control.Page{
			Member: "ring-0", Epoch: 9, Items: []control.Item{{AOR: "sip:bob@example.com", Bindings: []control.Binding{b}}}, Next: "token",
		}, &pageAnswer{}},
		"unregister": {&control.Removed{AOR: "sip:bob@example.com", Removed: []string{b.Contact}}, &removedAnswer{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			said, err := json.Marshal(tt.said)
			if err != nil {
				t.Fatal(err)
			}
			d := json.NewDecoder(bytes.NewReader(said))
			d.DisallowUnknownFields()
			if err := d.Decode(tt.read); err != nil {
				t.Fatal(err)
			}
			read, err := json.Marshal(tt.read)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(said), string(read)); d != "" {
				t.Errorf("-said +read:\n%s", d)
			}
		})
	}
}

// TestTraceAnswers: the same of the lines of a trace.
func TestTraceAnswers(t *testing.T) {
	at := time.Unix(1, 0).UTC()
	for _, tt := range []struct {
		said any
		want traced
	}{
		{
			control.Message{Time: at, Direction: "in", Local: "10.0.0.1:5060", Remote: "192.0.2.7:5060", StartLine: "BYE", Message: "BYE sip:b"},
			traced{Time: &at, Direction: "in", Local: "10.0.0.1:5060", Remote: "192.0.2.7:5060", StartLine: "BYE", Message: "BYE sip:b"},
		},
		{control.End{End: control.EndRate, Dropped: 3}, traced{End: "rate", Dropped: 3}},
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

package controllers_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
)

// gather returns the operator's metrics: of each series the value, of each name what
// docs/metrics.md says of it, and the values of its labels.
func (b *bench) gather(from prometheus.Gatherer) (series map[string]float64, kinds map[string]string, values map[string][]string) {
	b.Helper()
	families, err := from.Gather()
	b.ok(err)
	series, kinds, values = map[string]float64{}, map[string]string{}, map[string][]string{}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			id := f.GetName()
			for _, l := range m.Label {
				labels = append(labels, l.GetName())
				id += " " + l.GetValue()
				values[f.GetName()] = append(values[f.GetName()], l.GetValue())
			}
			series[id] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			kinds[f.GetName()] = strings.ToLower(dto.MetricType_name[int32(f.GetType())]) + " by " + strings.Join(slices.Sorted(slices.Values(labels)), ",")
		}
	}
	return series, kinds, values
}

// TestEveryMetricIsThereFromTheFirstPass, with every cause of a failover at 0: the
// first of each is seen by increase(). What a failover is to move, it does, and no
// series appears with it.
func TestEveryMetricIsThereFromTheFirstPass(t *testing.T) {
	b := newBench(t)
	b.begin()
	before, kinds, values := b.gather(b.registry)
	for _, cause := range []string{"not_ready", "gone", "node_lost", "node_deleted", "evicted"} {
		if n, ok := before[fmt.Sprintf("sipring_operator_failovers_total %s ring %s", cause, b.ns)]; !ok || n != 0 {
			t.Errorf("%s is not there", cause)
		}
	}
	b.documented(kinds, values)
	for i := range 3 {
		b.pod(i, ready)
	}
	b.settle()
	b.podStatus(2, ended)
	b.settle()
	moved := b.moved(before)
	for _, name := range []string{"members", "epoch", "failovers_total", "last_failover_timestamp_seconds"} {
		if !moved[name] {
			t.Errorf("a failover does not move %s", name)
		}
	}
	if moved["losses_beyond_replicas_total"] {
		t.Error("the loss of one is counted as that of all copies")
	}
	b.podStatus(2, ready)
	b.settle()
	b.podStatus(1, ended)
	b.podStatus(2, ended)
	b.settle()
	if !b.moved(before)["losses_beyond_replicas_total"] {
		t.Error("the loss of two at once is not counted")
	}
	after, _, _ := b.gather(b.registry)
	if d := cmp.Diff(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after))); d != "" {
		t.Errorf("series after the first pass (-) and after failovers (+):\n%s", d)
	}
	b.ok(b.client.Delete(t.Context(), b.cluster()))
	b.await("no series of the cluster", func() (string, bool) {
		b.settle()
		left, _, _ := b.gather(b.registry)
		of := slices.DeleteFunc(slices.Collect(maps.Keys(left)), func(s string) bool { return !strings.Contains(s, b.ns) })
		return fmt.Sprint(of), len(of) == 0
	})
}

// moved are the metrics that have changed, without their prefix.
func (b *bench) moved(before map[string]float64) map[string]bool {
	b.Helper()
	moved := map[string]bool{}
	now, _, _ := b.gather(b.registry)
	for series, value := range now {
		if value != before[series] {
			name, _, _ := strings.Cut(strings.TrimPrefix(series, "sipring_operator_"), " ")
			moved[name] = true
		}
	}
	return moved
}

// documented compares docs/metrics.md with what the operator shows: names, types,
// labels and their values.
func (b *bench) documented(kinds map[string]string, values map[string][]string) {
	b.Helper()
	doc, err := os.ReadFile("../docs/metrics.md")
	b.ok(err)
	told := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(sipring_operator_[a-z_]+)(?:\\{([a-z,]+)\\})?` \\| ([a-z]+) \\| (.*) \\|$").FindAllStringSubmatch(string(doc), -1) {
		labels := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' })
		told[m[1]] = m[3] + " by " + strings.Join(slices.Sorted(slices.Values(labels)), ",")
		for _, value := range values[m[1]] {
			if value != b.ns && value != b.name && !strings.Contains(m[1], "build_info") && !strings.Contains(m[4], "`"+value+"`") {
				b.Errorf("docs/metrics.md does not say what %s of %s is", value, m[1])
			}
		}
	}
	if d := cmp.Diff(told, kinds); d != "" {
		b.Errorf("docs/metrics.md (-) and the operator (+):\n%s", d)
	}
}

// TestLastFailoverIsATime that alerts can be made of.
func TestLastFailoverIsATime(t *testing.T) {
	b := newBench(t)
	b.begin()
	for i := range 2 {
		b.pod(i, ready)
	}
	b.settle()
	b.remove(1, true)
	b.settle()
	series, _, _ := b.gather(b.registry)
	for id, value := range series {
		if strings.HasPrefix(id, "sipring_operator_last_failover") {
			if ago := time.Since(time.UnixMilli(int64(value * 1000))); ago < 0 || ago > time.Minute {
				t.Errorf("%v ago", ago)
			}
			return
		}
	}
	t.Error("it is not there")
}

// keyMetrics compares some of what the operator shows of the cluster's keys.
func (b *bench) keyMetrics(want map[string]float64) {
	b.Helper()
	series, _, _ := b.gather(b.registry)
	for name, value := range want {
		id := map[string]string{
			"made by proxies": "keys_created_timestamp_seconds ring proxies " + b.ns, "made by signer": "keys_created_timestamp_seconds ring signer " + b.ns,
			"expiry": "keys_expiry_timestamp_seconds ring " + b.ns, "stalled": "key_rotation_stalled ring " + b.ns,
		}[name]
		if got, ok := series["sipring_operator_"+id]; !ok || got != value {
			b.Errorf("%s is %v, %v, want %v", name, got, ok, value)
		}
	}
}

// TestKeysHaveAnAge from the first passes on.
func TestKeysHaveAnAge(t *testing.T) {
	b := newBench(t)
	b.begin()
	secret := &corev1.Secret{}
	b.get("ring-keys", secret)
	made := float64(secret.CreationTimestamp.Unix())
	b.get("ring-signer", secret)
	b.keyMetrics(map[string]float64{"made by proxies": made, "made by signer": float64(secret.CreationTimestamp.Unix()), "expiry": 0, "stalled": 0})
	b.restart(b.client) // which reads what there is
	b.settle()
	b.keyMetrics(map[string]float64{"made by proxies": made, "made by signer": float64(secret.CreationTimestamp.Unix())})
}

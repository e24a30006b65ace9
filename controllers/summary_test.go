package controllers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/testapi"
	"github.com/sipring/sipring/proxy/config"
)

// TestStatusHasWhatProxiesReport: nothing of proxies that do not report, then what
// they report together, and the last failover also when nobody remembers it.
func TestStatusHasWhatProxiesReport(t *testing.T) {
	b := newRing(t, 3)
	b.settle()
	if s := b.cluster().Status; s.UnderReplicatedBindings != nil || s.LastFailover != nil {
		t.Fatalf("nobody reports, and the status says %v, %v", s.UnderReplicatedBindings, s.LastFailover)
	}
	status := func(under int64) v1alpha1.SIPClusterStatus {
		t.Helper()
		b.settle()
		s := b.cluster().Status
		if s.UnderReplicatedBindings == nil || *s.UnderReplicatedBindings != under {
			t.Fatalf("underReplicatedBindings is not %d: %v", under, s.UnderReplicatedBindings)
		}
		return s
	}
	b.later(time.Minute)
	b.restart(b.client)
	at := time.Now().Add(30 * time.Second) // all of them run for a while then
	seen := func(under, rehomed, ms int64) config.Report {
		return config.Report{UnderReplicated: under, Failovers: []config.Failover{
			{Member: "ring-2", At: at.UnixMilli(), Cause: config.LossProcessEnded, Rehomed: rehomed, Milliseconds: ms},
		}}
	}
	b.reports(2, config.Report{})
	b.reports(1, config.Report{})
	b.reports(0, seen(4, 50, 6))
	if s := status(4); s.LastFailover != nil {
		t.Fatalf("one of two that are left says so, and the status has it: %+v", s.LastFailover)
	}
	b.reports(1, seen(3, 46, 21))
	got := status(7).LastFailover
	if got == nil || got.Time.Unix() != at.Unix() {
		t.Fatalf("the last failover is %+v, want that at %v", got, at)
	}
	want := &v1alpha1.FailoverStatus{Time: got.Time, Member: "ring-2", Cause: "ProcessEnded", RehomedBindings: 96, Milliseconds: 21}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the last failover (-want +got):\n%s", d)
	}
	for ordinal := range 3 { // all are other processes by now
		b.reports(ordinal, config.Report{})
	}
	if d := cmp.Diff(want, status(0).LastFailover); d != "" {
		t.Errorf("the last failover, which nobody remembers (-want +got):\n%s", d)
	}
	api := testapi.Need(t, server)
	if out := api.Kubectl(t, "", "--namespace", b.ns, "get", "sipclusters", "-o", "wide"); !strings.Contains(out, "FAILOVER") {
		t.Errorf("kubectl get -o wide has no column for it:\n%s", out)
	}
}

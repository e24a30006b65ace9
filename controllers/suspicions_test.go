package controllers

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// logStep is a line of the log of a failover.
type logStep struct {
	Step, Member, Cause string
	Epoch               uint64
}

func logSteps(t *testing.T, text string) (all []logStep) {
	t.Helper()
	for line := range strings.Lines(text) {
		var s logStep
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, s)
	}
	return all
}

// TestFailoverIsInTheOperatorsLog: its lines alone say who missed a member, why it
// was evicted, in which epoch, and when it is in the ring again, each once.
func TestFailoverIsInTheOperatorsLog(t *testing.T) {
	var text bytes.Buffer
	ctx := ctrl.LoggerInto(t.Context(), logr.FromSlogHandler(slog.NewJSONHandler(&text, nil)))
	key := types.NamespacedName{Namespace: "sip", Name: "ring"}
	cluster := &v1alpha1.SIPCluster{}
	cluster.Namespace, cluster.Name = key.Namespace, key.Name
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	told, announcer := &suspicions{}, &announcer{recorder: events.NewFakeRecorder(100), metrics: metrics}

	member := func(name string) config.Member { return config.Member{Name: name, State: config.Active} }
	in := &membership.Input{Previous: &config.MemberSet{Epoch: 4, Members: []config.Member{member("ring-0"), member("ring-1"), member("ring-2")}}}
	report := func(r ...membership.Report) {
		in.Reports = r
		told.tell(ctx, key, in)
	}
	publish := func(epoch uint64, changes ...membership.Change) {
		in.Previous = &config.MemberSet{Epoch: epoch, Members: in.Previous.Members}
		announcer.announce(ctx, &observation{cluster: cluster}, &membership.Result{Set: in.Previous, Changes: changes})
	}
	report()
	report(membership.Report{Reporter: "ring-0", Suspects: []string{"ring-1", "ring-9", "ring-0"}}, membership.Report{Reporter: "ring-8", Suspects: []string{"ring-2"}})
	report(membership.Report{Reporter: "ring-2", Suspects: []string{"ring-1"}}, membership.Report{Reporter: "ring-0", Suspects: []string{"ring-1"}})
	publish(5, membership.Change{Kind: membership.Lost, Member: member("ring-1"), Cause: membership.Evicted}, membership.Change{Kind: membership.RingChanged})
	report()
	publish(6, membership.Change{Kind: membership.Joined, Member: member("ring-1")})
	report(membership.Report{Reporter: "ring-2", Suspects: []string{"ring-1", "ring-1"}}, membership.Report{Reporter: "ring-0", Suspects: []string{"ring-1"}})
	told.forget(key)
	report(in.Reports...)

	again := logStep{Step: "suspected", Member: "ring-1", Cause: "not reached by ring-0,ring-2", Epoch: 6}
	want := []logStep{
		{Step: "suspected", Member: "ring-1", Cause: "not reached by ring-0", Epoch: 4},
		{Step: "evicted", Member: "ring-1", Cause: "evicted", Epoch: 5},
		{Step: "ring", Epoch: 5},
		{Step: "joined", Member: "ring-1", Epoch: 6},
		again, again,
	}
	if diff := cmp.Diff(want, logSteps(t, text.String())); diff != "" {
		t.Error(diff)
	}
}

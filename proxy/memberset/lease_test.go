package memberset

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

func leaseConfig(log *journal) LeaseConfig {
	return LeaseConfig{Namespace: "voice", Pod: "ring-0", PodUID: "0a1b", Cluster: "ring", Log: log.logger()}
}

func runLease(t *testing.T, l *Lease) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func getLease(t *testing.T, client kubernetes.Interface) *coordinationv1.Lease {
	t.Helper()
	lease, err := client.CoordinationV1().Leases("voice").Get(t.Context(), "ring-0", metav1.GetOptions{})
	if err != nil {
		return &coordinationv1.Lease{}
	}
	return lease
}

func wantSuspects(t *testing.T, client kubernetes.Interface, want string) {
	t.Helper()
	until(t, "the Lease says "+want, func() bool {
		got, ok := getLease(t, client).Annotations[config.AnnotationSuspects]
		return ok && got == want
	})
}

func TestLeaseIsWrittenOnChange(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: "voice", Name: "ring-0", Annotations: map[string]string{config.AnnotationSuspects: "ring-9"},
	}})
	l := NewLease(client, leaseConfig(&journal{}))
	runLease(t, l)
	wantSuspects(t, client, "") // what an earlier process said is withdrawn
	l.Report([]string{"ring-2", "ring-1"}, nil)
	wantSuspects(t, client, "ring-1,ring-2")
	l.Report([]string{"ring-1", "ring-2"}, nil) // no change
	l.Report(nil, nil)
	wantSuspects(t, client, "")
	got := getLease(t, client)
	if got.Spec.RenewTime == nil || time.Since(got.Spec.RenewTime.Time) > time.Minute {
		t.Errorf("renewTime %v is not the time of the report", got.Spec.RenewTime)
	}
	if *got.Spec.HolderIdentity != "ring-0" || got.Labels[config.LabelCluster] != "ring" {
		t.Errorf("holder %q, label %q", *got.Spec.HolderIdentity, got.Labels[config.LabelCluster])
	}
	if d := cmp.Diff([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "ring-0", UID: "0a1b"}}, got.OwnerReferences); d != "" {
		t.Errorf("owner (-want +got):\n%s", d)
	}
	until(t, "the last write is counted", func() bool { return l.Counters().Writes >= 3 })
	if n := l.Counters(); n.Writes != 3 {
		t.Errorf("%d writes, want one at the start and one for each change: 3", n.Writes)
	}
}

// TestLeaseHasWhoEnded: those of the suspects whose processes ended, in the write that
// names the suspects, and nothing where there are none.
func TestLeaseHasWhoEnded(t *testing.T) {
	client := fake.NewClientset()
	l := NewLease(client, leaseConfig(&journal{}))
	runLease(t, l)
	l.Report([]string{"ring-2", "ring-1"}, []string{"ring-2"})
	wantSuspects(t, client, "ring-1,ring-2")
	if got := getLease(t, client).Annotations[config.AnnotationEnded]; got != "ring-2" {
		t.Errorf("%q ended", got)
	}
	l.Report([]string{"ring-1"}, nil)
	wantSuspects(t, client, "ring-1")
	if got, ok := getLease(t, client).Annotations[config.AnnotationEnded]; ok {
		t.Errorf("%q ended still", got)
	}
}

// TestLeaseHasTheWord: at first that the process does not serve yet, whatever an
// earlier one said, and then what it says, beside what it suspects.
func TestLeaseHasTheWord(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: "voice", Name: "ring-0", Annotations: map[string]string{config.AnnotationServing: string(config.Serving)},
	}})
	wants := func(word config.Word, suspects string) {
		t.Helper()
		until(t, fmt.Sprintf("the Lease says %s and names %q", word, suspects), func() bool {
			a := getLease(t, client).Annotations
			return config.ParseWord(a[config.AnnotationServing]) == word && a[config.AnnotationSuspects] == suspects
		})
	}
	l := NewLease(client, leaseConfig(&journal{}))
	runLease(t, l)
	wants(config.NotYet, "")
	l.Say(config.Serving)
	wants(config.Serving, "")
	l.Report([]string{"ring-1"}, nil)
	wants(config.Serving, "ring-1")
	l.Say(config.NotServing)
	wants(config.NotServing, "ring-1")
	writes := l.Counters().Writes
	l.Say(config.NotServing) // no news
	l.Report(nil, nil)
	wants(config.NotServing, "")
	until(t, "one more write", func() bool { return l.Counters().Writes > writes })
	if n := l.Counters().Writes; n > writes+2 { // the last but one may not have been counted then
		t.Errorf("%d writes of one change", n-writes)
	}
}

// TestLeaseHasTheKeys: those in force when the process begins, whatever an earlier one
// said, and each change at once; no word of those that are not there.
func TestLeaseHasTheKeys(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: "voice", Name: "ring-0", Annotations: map[string]string{config.AnnotationKeys: "9-00000000"},
	}})
	l := NewLease(client, leaseConfig(&journal{}))
	l.gap = time.Hour // what only the epoch has to say waits
	wants := func(keys, trust string) {
		t.Helper()
		until(t, fmt.Sprintf("the Lease says keys %q, trust %q", keys, trust), func() bool {
			a := getLease(t, client).Annotations
			return a[config.AnnotationKeys] == keys && a[config.AnnotationTrust] == trust
		})
	}
	l.Keys([]string{"1-0a1b2c3d"})
	runLease(t, l)
	wants("1-0a1b2c3d", "")
	if _, ok := getLease(t, client).Annotations[config.AnnotationTrust]; ok {
		t.Error("it says whom it trusts before it does")
	}
	l.Keys([]string{"2-00ff00ff", "1-0a1b2c3d"})
	wants("2-00ff00ff,1-0a1b2c3d", "")
	l.Trust([]string{"0a0b0c0d"})
	wants("2-00ff00ff,1-0a1b2c3d", "0a0b0c0d")
}

// TestLeaseHasTheEpoch: the newest one after a while, together with what changed at
// once, and again when it is asked for though it is the same.
func TestLeaseHasTheEpoch(t *testing.T) {
	client := fake.NewClientset()
	l := NewLease(client, leaseConfig(&journal{}))
	l.gap = 200 * time.Millisecond
	runLease(t, l)
	wants := func(want string) {
		t.Helper()
		until(t, "the Lease has the epoch "+want, func() bool { return getLease(t, client).Annotations[config.AnnotationEpoch] == want })
	}
	wantSuspects(t, client, "")
	if text, ok := getLease(t, client).Annotations[config.AnnotationEpoch]; ok {
		t.Errorf("epoch %q before one is in force", text)
	}
	for epoch := range uint64(100) {
		l.Applied(epoch, ring.Seed{1})
	}
	wants("99")
	if seed := getLease(t, client).Annotations[config.AnnotationSeed]; seed != (ring.Seed{1}).String() {
		t.Errorf("seed %q", seed)
	}
	l.Applied(99, ring.Seed{1})
	until(t, "the writes are counted", func() bool { return l.Counters().Writes >= 2 })
	if n := l.Counters().Writes; n > 3 {
		t.Errorf("%d writes of one change", n)
	}
	if err := client.CoordinationV1().Leases("voice").Delete(t.Context(), "ring-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	l.Again()
	wants("99")
}

// TestEpochAloneWaits, and what is urgent does not wait for it.
func TestEpochAloneWaits(t *testing.T) {
	client := fake.NewClientset()
	l := NewLease(client, leaseConfig(&journal{}))
	l.gap = time.Hour
	runLease(t, l)
	wantSuspects(t, client, "")
	l.Applied(7, ring.Seed{})
	l.Report([]string{"ring-1"}, nil)
	wantSuspects(t, client, "ring-1")
	l.Applied(8, ring.Seed{})
	l.Report([]string{"ring-2"}, nil)
	wantSuspects(t, client, "ring-2")
	until(t, "the writes are counted", func() bool { return l.Counters().Writes >= 3 })
	if n, epoch := l.Counters().Writes, getLease(t, client).Annotations[config.AnnotationEpoch]; n != 3 || epoch != "8" {
		t.Errorf("%d writes, want 3: the epoch had one of its own; epoch %q, want 8", n, epoch)
	}
}

// TestLeaseHasTheReport: none before there is one, whatever an earlier process said,
// and then the newest, however often it changes, in few writes.
func TestLeaseHasTheReport(t *testing.T) {
	old := config.Report{UnderReplicated: 9}
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: "voice", Name: "ring-0", Annotations: map[string]string{config.AnnotationReport: old.String()},
		ManagedFields: []metav1.ManagedFieldsEntry{{
			Manager: fieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "coordination.k8s.io/v1", FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:sipring.io/report":{}}}}`),
		}},
	}})
	l := NewLease(client, leaseConfig(&journal{}))
	l.gap = 200 * time.Millisecond
	runLease(t, l)
	wantSuspects(t, client, "")
	if text, ok := getLease(t, client).Annotations[config.AnnotationReport]; ok {
		t.Errorf("it has what an earlier process reported: %s", text)
	}
	saw := config.Report{Failovers: []config.Failover{{Member: "ring-1", At: 1, Cause: config.LossUnreachable, Rehomed: 96, Milliseconds: 21}}}
	for n := range int64(100) {
		saw.UnderReplicated = n
		l.Saw(saw)
	}
	until(t, "the Lease has the newest report", func() bool { return getLease(t, client).Annotations[config.AnnotationReport] == saw.String() })
	l.Saw(saw) // no news
	until(t, "the writes are counted", func() bool { return l.Counters().Writes >= 2 })
	if n := l.Counters().Writes; n > 3 {
		t.Errorf("%d writes of one change", n)
	}
}

// TestReportAloneWaits: bindings that come and go do not have the Lease written each
// time, and what is urgent takes the newest along.
func TestReportAloneWaits(t *testing.T) {
	client := fake.NewClientset()
	l := NewLease(client, leaseConfig(&journal{}))
	l.gap = time.Hour
	runLease(t, l)
	wantSuspects(t, client, "")
	l.Saw(config.Report{UnderReplicated: 7})
	l.Report([]string{"ring-1"}, nil)
	wantSuspects(t, client, "ring-1")
	l.Saw(config.Report{UnderReplicated: 8})
	l.Report(nil, nil)
	wantSuspects(t, client, "")
	until(t, "the writes are counted", func() bool { return l.Counters().Writes >= 3 })
	got := config.ParseReport(getLease(t, client).Annotations[config.AnnotationReport])
	if n := l.Counters().Writes; n != 3 || got == nil || got.UnderReplicated != 8 {
		t.Errorf("%d writes, want 3: the report had one of its own; it is %v, want 8 bindings", n, got)
	}
}

func TestLeaseIsRetried(t *testing.T) {
	client := fake.NewClientset()
	var refuse atomic.Bool
	refuse.Store(true)
	client.PrependReactor("patch", "leases", func(ktesting.Action) (bool, runtime.Object, error) {
		return refuse.Load(), nil, errors.New("the API is away")
	})
	log := &journal{}
	l := NewLease(client, leaseConfig(log))
	runLease(t, l)
	l.Report([]string{"ring-1"}, nil)
	until(t, "two failures", func() bool { return l.Counters().Failures >= 2 })
	l.Report([]string{"ring-1", "ring-2"}, nil)
	refuse.Store(false)
	wantSuspects(t, client, "ring-1,ring-2")
	if n := log.count("level=WARN"); n != 1 {
		t.Errorf("%d warnings of one outage", n)
	}
}

func TestLeaseRepeatsWhatNamesSomebody(t *testing.T) {
	client := fake.NewClientset()
	l := NewLease(client, leaseConfig(&journal{}))
	l.repeat = time.Millisecond
	l.Report([]string{"ring-1"}, nil)
	runLease(t, l)
	wantSuspects(t, client, "ring-1")
	if err := client.CoordinationV1().Leases("voice").Delete(t.Context(), "ring-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	wantSuspects(t, client, "ring-1")
}

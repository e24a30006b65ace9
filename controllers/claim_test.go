package controllers_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers"
	"github.com/sipring/sipring/controllers/desired"
)

// rivals is a bench with installations that are told to carry out one cluster.
type rivals struct {
	*bench
	clock time.Time
}

func newRivals(t *testing.T) *rivals {
	t.Helper()
	b := &rivals{newBench(t), time.Now()}
	b.now = func() time.Time { return b.clock }
	return b
}

// install is a process of the installation, which would run its own image.
func (b *rivals) install(name string) *controllers.Reconciler {
	b.Helper()
	events := b.events
	b.identity, b.image = name, "example.com/sipring:"+name
	b.restart(b.client)
	b.events.events = events.events
	return b.r
}

// pass lets some time go by and then has each make a pass.
func (b *rivals) pass(after time.Duration, by ...*controllers.Reconciler) {
	b.Helper()
	b.clock = b.clock.Add(after)
	for _, b.r = range by {
		b.ok(b.reconcile())
	}
}

// carriedOutBy is whose image the cluster has, which must not be new.
func (b *rivals) carriedOutBy(name string, generation int64) {
	b.Helper()
	set := b.statefulSet()
	if got := set.Spec.Template.Spec.Containers[0].Image; got != "example.com/sipring:"+name || set.Generation != generation {
		b.Errorf("%s at generation %d, want that of %s at %d", got, set.Generation, name, generation)
	}
}

// TestOneInstallationOfTwo: the first has the cluster as long as it lives, the
// other touches nothing, and both are told of; until the other is gone.
func TestOneInstallationOfTwo(t *testing.T) {
	b := newRivals(t)
	one, other := b.install("one"), b.install("other")
	told := b.events
	b.create()
	b.pass(0, one, other)
	for i := range 3 {
		b.pod(i, ready)
	}
	b.pass(0, one, one)
	version := b.cluster().ResourceVersion
	b.pass(0, other, other)
	if now := b.cluster().ResourceVersion; now != version {
		t.Error("the other one wrote the status")
	}
	for range 10 {
		b.pass(10*time.Second, one, other)
	}
	b.carriedOutBy("one", 1)
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonOtherOperator)
	if n := len(slices.DeleteFunc(told.events, func(e recorded) bool { return e.reason != v1alpha1.ReasonOtherOperator })); n != 1 {
		t.Errorf("told %d times by the other one, want once: %v", n, told.events)
	}
	for range 3 { // and nothing is heard of the other one
		b.pass(10*time.Second, one)
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
	lease := &coordinationv1.Lease{}
	b.get(desired.ClaimName("ring"), lease)
	if len(lease.Annotations) != 0 || *lease.Spec.HolderIdentity != "one" || !metav1.IsControlledBy(lease, b.cluster()) {
		t.Errorf("claim is %+v", lease)
	}
}

// TestTakeover: of an installation that is gone, not before it is; when it comes
// back it is the one that is refused.
func TestTakeover(t *testing.T) {
	b := newRivals(t)
	one, other := b.install("one"), b.install("other")
	b.create()
	b.pass(0, one, other)
	b.pass(10*time.Second, other)
	b.carriedOutBy("one", 1)
	b.pass(10*time.Second, other)
	b.carriedOutBy("other", 2)
	if told := b.told(); !slices.Contains(told, v1alpha1.EventTakenOver) {
		t.Errorf("events %v", told)
	}
	for range 5 {
		b.pass(10*time.Second, one, other)
	}
	b.carriedOutBy("other", 2)
}

// TestSuccessorGoesOnAtOnce: another process of the same installation, as after
// an upgrade, is no other operator; also while the one before still runs.
func TestSuccessorGoesOnAtOnce(t *testing.T) {
	b := newRivals(t)
	before := b.install("one")
	b.create()
	b.pass(0, before)
	after := b.install("one")
	b.pod(0, ready)
	for range 3 {
		b.pass(10*time.Second, after, before)
	}
	if got := b.states(); got != "0:active" {
		t.Errorf("members %q: it does not carry the cluster out", got)
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonStarting)
	if told := b.told(); slices.Contains(told, v1alpha1.ReasonOtherOperator) || slices.Contains(told, v1alpha1.EventTakenOver) {
		t.Errorf("events %v", told)
	}
}

// TestClaimThatCannotBeWrittenStopsNobody: who had the cluster goes on, and who
// knows of nobody does after a while, since a failover is worth more.
func TestClaimThatCannotBeWrittenStopsNobody(t *testing.T) {
	refused := errors.New("refused")
	down := false
	plain, err := client.NewWithWatch(server.Config, client.Options{Scheme: server.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	refusing := interceptor.NewClient(plain, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*coordinationv1.Lease); ok && down {
				return refused
			}
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			if _, ok := o.(*coordinationv1.Lease); ok && down {
				return refused
			}
			return c.Update(ctx, o, opts...)
		},
	})
	for name, tt := range map[string]struct {
		known bool          // it had the cluster before
		after time.Duration // it goes on
	}{"had the cluster": {true, 10 * time.Second}, "begins": {false, 20 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			b := &rivals{newSerialBench(t), time.Now()}
			b.now = func() time.Time { return b.clock }
			b.identity = "one"
			b.restart(refusing)
			down = !tt.known
			b.create()
			if err := b.reconcile(); (err == nil) != tt.known || err != nil && !errors.Is(err, refused) {
				t.Errorf("first pass: %v", err)
			}
			down = true
			b.clock = b.clock.Add(tt.after)
			b.settle()
			b.pod(0, ready)
			b.clock = b.clock.Add(time.Minute)
			b.settle()
			if got := b.states(); got != "0:active" {
				t.Errorf("members %q", got)
			}
		})
	}
}

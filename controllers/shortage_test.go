package controllers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sipring/sipring/api/v1alpha1"
)

// TestMissingPodsAreExplained by what there is: the Event that says why, in whichever
// API it was told, and where there is none by what a person can look at instead.
func TestMissingPodsAreExplained(t *testing.T) {
	const log = "look at the log of kube-controller-manager"
	tests := map[string]struct {
		bring      func(*bench)
		says       string
		saysNot    string
		stalled    bool
		unreadable bool
	}{
		"nobody has taken it up": {func(*bench) {}, "Kubernetes has not taken up StatefulSet ring (its generation is 1, and 0 was seen): look whether kube-controller-manager runs", "vents", false, false},
		"taken up, and no Event": {func(b *bench) { b.seenTo(0) }, "no Event says why, and StatefulSet ring, as Kubernetes saw it last, has 0: " + log, "", false, false},
		"an Event of long ago":   {func(b *bench) { b.seenTo(0); b.refused("exceeded quota", b.clock.Add(-time.Hour)) }, "no Event says why", "quota", false, false},
		"an Event":               {func(b *bench) { b.seenTo(0); b.refused("exceeded quota", *b.clock) }, "only 0 of 3 pods exist: exceeded quota", log, true, false},
		"an Event of the new API": {func(b *bench) {
			b.seenTo(0)
			b.refusedAnew("denied by the webhook", *b.clock)
		}, "only 0 of 3 pods exist: denied by the webhook", log, true, false},
		"Events that may not be read": {func(b *bench) { b.seenTo(0) }, "cannot be read by the operator (events is forbidden: not yours): kubectl describe statefulset ring", log, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.later(0)
			b.restart(b.client)
			if tt.unreadable {
				b.restart(b.withoutEvents())
			}
			b.begin()
			tt.bring(b)
			b.later(time.Minute)
			b.settle()
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonPodsNotCreated)
			m := b.condition(v1alpha1.ConditionDegraded).Message
			if !strings.Contains(m, tt.says) || tt.saysNot != "" && strings.Contains(m, tt.saysNot) {
				t.Errorf("message %q, want %q, and not %q", m, tt.says, tt.saysNot)
			}
			b.wantStalled(tt.stalled)
		})
	}
}

// refused is an Event of the StatefulSet's controller.
func (b *bench) refused(said string, at time.Time) {
	b.Helper()
	b.ok(b.client.Create(b.Context(), &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: b.ns, Name: "ring.old"},
		InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Namespace: b.ns, Name: "ring", UID: b.statefulSet().UID},
		Reason:         "FailedCreate", Message: said, LastTimestamp: metav1.NewTime(at),
	}))
}

// refusedAnew is one of the newer API.
func (b *bench) refusedAnew(said string, at time.Time) {
	b.Helper()
	b.ok(b.client.Create(b.Context(), &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "ring.new"},
		Regarding:  corev1.ObjectReference{Kind: "StatefulSet", Namespace: b.ns, Name: "ring", UID: b.statefulSet().UID},
		Reason:     "FailedCreate", Action: "Create", Note: said, Type: corev1.EventTypeWarning, EventTime: metav1.NewMicroTime(at),
		ReportingController: "statefulset-controller", ReportingInstance: "kube-controller-manager",
	}))
}

// withoutEvents is a client that may not read Events.
func (b *bench) withoutEvents() client.Client {
	b.Helper()
	plain, err := client.NewWithWatch(server.Config, client.Options{Scheme: b.client.Scheme()})
	b.ok(err)
	return interceptor.NewClient(plain, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, ok := list.(*corev1.EventList); ok {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", errors.New("not yours"))
			}
			return c.List(ctx, list, opts...)
		},
	})
}

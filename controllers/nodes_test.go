package controllers_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// onNodes has three proxies in the ring, each on a Node with a zone.
func (b *bench) onNodes() {
	b.Helper()
	b.begin()
	for i := range 3 {
		b.node(i)
		b.pod(i, ready)
	}
	b.settle()
}

func (b *bench) node(ordinal int) {
	b.Helper()
	name := b.ns + "-node-" + string(rune('0'+ordinal))
	b.ok(b.client.Create(b.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: "east"}}}))
}

// publish runs a pass of the publisher, and says when it would look again.
func (b *bench) publish() time.Duration {
	b.Helper()
	result, err := b.r.Publish(b.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: b.ns, Name: "ring"}})
	b.ok(err)
	return result.RequeueAfter
}

// TestDeletedNode: its pod says that it runs and is ready, until Kubernetes removes it
// about a minute later.
func TestDeletedNode(t *testing.T) {
	gone := func(b *bench) {
		b.ok(b.client.Delete(b.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: b.ns + "-node-1"}}))
	}
	const whole, without = "0:active 1:active 2:active to 0 1 2", "0:active 1:joining 2:active to 0 2"
	tests := map[string]struct {
		change func(*bench)
		after  time.Duration
		want   string
		reason string
	}{
		"just now: nobody misses it":          {gone, 0, whole, v1alpha1.ReasonNodeLost},
		"just now: half of the others do":     {func(b *bench) { gone(b); b.suspects(0, "ring-1") }, 0, whole, v1alpha1.ReasonNodeLost},
		"just now: the others do":             {func(b *bench) { gone(b); b.suspects(0, "ring-1"); b.suspects(2, "ring-1") }, 0, without, v1alpha1.ReasonNodeLost},
		"half a minute ago, nobody misses it": {gone, 30 * time.Second, without, v1alpha1.ReasonNodeLost},
		"registered anew in time":             {func(b *bench) { gone(b); b.publish(); b.node(1) }, 30 * time.Second, whole, v1alpha1.ReasonHealthy},
		"registered anew, later":              {func(b *bench) { gone(b); b.publish(); b.later(time.Minute); b.publish(); b.node(1) }, 0, whole, v1alpha1.ReasonHealthy},
		"all of them": {func(b *bench) {
			for i := range 3 {
				b.ok(b.client.Delete(b.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: b.ns + "-node-" + string(rune('0'+i))}}))
			}
		}, time.Minute, whole, v1alpha1.ReasonNodeLost},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.later(0)
			b.restart(b.client)
			b.onNodes()
			tt.change(b)
			b.publish()
			b.later(tt.after)
			b.settle()
			if got := b.states() + " to " + b.traffic(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if c := b.condition(v1alpha1.ConditionDegraded); c.Reason != tt.reason {
				t.Errorf("%s: %s, want %s", c.Reason, c.Message, tt.reason)
			}
			for _, m := range b.members().Members {
				if m.Zone != "east" {
					t.Errorf("%s is in zone %q", m.Name, m.Zone)
				}
			}
		})
	}
}

// TestDeletedNodeIsLookedAtAgain: nobody tells that it did not come back.
func TestDeletedNodeIsLookedAtAgain(t *testing.T) {
	b := newBench(t)
	b.later(0)
	b.restart(b.client)
	b.onNodes()
	b.ok(b.client.Delete(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: b.ns + "-node-1"}}))
	b.publish()
	b.later(29 * time.Second)
	if again := b.publish(); again > time.Second {
		t.Errorf("looks again after %v, want 1s", again)
	}
	if m := b.condition(v1alpha1.ConditionDegraded); m.Reason == v1alpha1.ReasonNodeLost {
		t.Errorf("the applier ran: %s", m.Message)
	}
	b.settle()
	if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, "node "+b.ns+"-node-1 was deleted since") || !strings.Contains(m, "ring-1 is still said to be on it") {
		t.Error(m)
	}
}

// TestNodeThatWasNeverSeen is no deleted one: its pod came in before it.
func TestNodeThatWasNeverSeen(t *testing.T) {
	b := newBench(t)
	b.later(0)
	b.restart(b.client)
	b.begin()
	for i := range 3 {
		b.pod(i, ready)
	}
	b.publish()
	b.later(time.Hour)
	b.settle()
	if got := b.states(); got != "0:active 1:active 2:active" {
		t.Error(got)
	}
}

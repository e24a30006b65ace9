package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// traffic are the ordinals that take new traffic, by the endpoints.
func (b *bench) traffic() string {
	b.Helper()
	slice := &discoveryv1.EndpointSlice{}
	b.get("ring-ipv4-5060-0", slice)
	var ready []string
	for _, e := range slice.Endpoints {
		if *e.Conditions.Ready {
			ready = append(ready, strings.TrimPrefix(e.TargetRef.Name, "ring-"))
		}
	}
	return strings.Join(ready, " ")
}

// TestBlockedProbes: what the kubelets say goes bad for one pod after the other,
// while every process runs and no member misses another. Ring and traffic stay
// whole, with an operator that begins anew in the middle too.
func TestBlockedProbes(t *testing.T) {
	unready := func(s *corev1.PodStatus) {
		s.Conditions[0].Status, s.ContainerStatuses[0].Ready = corev1.ConditionFalse, false
	}
	again := func(s *corev1.PodStatus) {
		s.Conditions[0].Status, s.ContainerStatuses[0].Ready = corev1.ConditionTrue, true
	}
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) { c.Spec.Replicas = new(int32(5)) })
	b.settle()
	for i := range 5 {
		b.pod(i, ready)
	}
	b.settle()
	epoch := b.members().Epoch
	check := func(when string) {
		t.Helper()
		b.settle()
		if got := b.states(); got != "0:active 1:active 2:active 3:active 4:active" || b.traffic() != "0 1 2 3 4" {
			t.Errorf("%s: %s, traffic to %s", when, got, b.traffic())
		}
	}
	for i := range 5 {
		b.podStatus(i, unready)
		if i == 2 {
			b.restart(b.client)
		}
		check(fmt.Sprintf("%d not ready", i+1))
		if i < 4 {
			b.want(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonServing)
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonMemberNotReady)
		}
	}
	b.want(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonMembersNotReady)
	if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, "ring is kept") {
		t.Errorf("message %q does not say what becomes of the ring", m)
	}
	for i := range 5 {
		b.podStatus((i+3)%5, again)
		check(fmt.Sprintf("%d ready again", i+1))
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
	if now := b.members().Epoch; now != epoch {
		t.Errorf("epoch %d after %d: something left the ring", now, epoch)
	}
}

// TestLostNodesOneByOne: kubelets that are cut off are no reason to leave, and
// are one where the members that are left miss those on their nodes.
func TestLostNodesOneByOne(t *testing.T) {
	b := newBench(t)
	b.begin()
	for i := range 3 {
		b.ok(b.client.Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-node-%d", b.ns, i)}}))
		b.pod(i, ready)
	}
	b.settle()
	for i := range 2 {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-node-%d", b.ns, i)}}
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
		b.ok(b.client.Status().Update(t.Context(), node))
		b.settle()
		if got := b.states(); got != "0:active 1:active 2:active" || b.traffic() != "0 1 2" {
			t.Errorf("%d nodes lost: %s, traffic to %s", i+1, got, b.traffic())
		}
		b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonNodeLost)
	}
	b.suspects(2, "ring-0,ring-1")
	b.settle()
	if got := b.states(); got != "0:joining 1:joining 2:active" || b.traffic() != "2" {
		t.Errorf("two nodes lost and missed: %s, traffic to %s", got, b.traffic())
	}
}

// TestOwnWordSteersTraffic: a proxy that says in its Lease that it does not serve
// gets no new traffic, whatever its kubelet knows, and stays in the ring.
func TestOwnWordSteersTraffic(t *testing.T) {
	b := newBench(t)
	b.begin()
	for i := range 3 {
		b.pod(i, ready)
		b.says(i, "", config.Serving)
	}
	b.settle()
	for _, tt := range []struct {
		word    config.Word
		traffic string
	}{{config.NotServing, "0 2"}, {config.Serving, "0 1 2"}} {
		b.says(1, "", tt.word)
		b.settle()
		if got := b.states(); got != "0:active 1:active 2:active" || b.traffic() != tt.traffic {
			t.Errorf("says %q: %s, traffic to %s, want %s", tt.word, got, b.traffic(), tt.traffic)
		}
	}
	b.says(1, "", config.NotServing)
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonMemberNotReady)
	if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, "ring-1 says that it does not serve") {
		t.Errorf("message %q does not say who", m)
	}
}

package controllers

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// TestUnreadyIsTold: who does not serve, and since when.
func TestUnreadyIsTold(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago := func(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }
	pod := func(started, fell time.Duration, change ...func(*corev1.Pod)) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ring-1"}}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: ago(fell)}}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: desired.Container, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(started)}},
		}}
		for _, c := range change {
			c(&p)
		}
		return p
	}
	state := func(s corev1.ContainerState) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State = s }
	}
	tests := map[string]struct {
		pod    corev1.Pod
		reason string
		says   string
		again  time.Duration
	}{
		"starts":               {pod(time.Minute, 70*time.Second), "Healthy", "", time.Minute},
		"starts for too long":  {pod(2*time.Minute, 130*time.Second), "MemberNotReady", "ring-1 is not ready since 2026-01-02T03:01:55Z", resync},
		"was ready":            {pod(time.Hour, time.Second), "MemberNotReady", "ring-1 is not ready since 2026-01-02T03:04:04Z", resync},
		"crashed":              {pod(0, time.Second, state(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}})), "MemberNotReady", "ring-1", resync},
		"began again":          {pod(time.Second, 2*time.Second, func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 }), "MemberNotReady", "ring-1", resync},
		"not yet started":      {pod(0, time.Hour, state(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}})), "Healthy", "", resync},
		"ready":                {pod(time.Hour, time.Minute, func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionTrue }), "Healthy", "", resync},
		"asked to go":          {pod(time.Hour, time.Minute, func(p *corev1.Pod) { p.DeletionTimestamp = new(ago(0)) }), "Healthy", "", resync},
		"its node is lost":     {pod(time.Hour, time.Second, func(p *corev1.Pod) { p.Spec.NodeName = "gone" }), "NodeLost", "node gone is not heard of since 2026-01-02T03:04:04Z, and with it ring-1", resync},
		"its node is not lost": {pod(time.Hour, time.Second, func(p *corev1.Pod) { p.Spec.NodeName = "there" }), "MemberNotReady", "ring-1", resync},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			seen, d := scene()
			d.Set.Members[1].State = config.Joining
			seen.pods[1] = tt.pod
			for n, s := range map[string]corev1.ConditionStatus{"gone": corev1.ConditionUnknown, "there": corev1.ConditionFalse} {
				if tt.pod.Spec.NodeName == n {
					seen.nodes = []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: n}, Status: corev1.NodeStatus{
						Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: s, LastTransitionTime: ago(time.Second)}},
					}}}
				}
			}
			s := statusOf(seen, d, outcome{}, metav1.NewTime(now))
			c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionDegraded)
			if c.Reason != tt.reason || !strings.Contains(c.Message, tt.says) {
				t.Errorf("%s: %s, want %s: %s", c.Reason, c.Message, tt.reason, tt.says)
			}
			if again := lookAgain(seen, now); again != tt.again {
				t.Errorf("looks again after %v, want %v", again, tt.again)
			}
		})
	}
}

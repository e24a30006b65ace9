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
)

// TestUnstartedIsTold: a pod that waits for something is no news at first, and then
// what it waits for is told, also of a cluster that never served.
func TestUnstartedIsTold(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	inState := func(s corev1.ContainerState) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: desired.Container, State: s}}
	}
	creating := func() []corev1.ContainerStatus {
		return inState(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}})
	}
	tests := map[string]struct {
		age    time.Duration
		change func(*corev1.Pod)
		says   string // empty: nothing
		again  time.Duration
	}{
		"made just now": {time.Second, func(p *corev1.Pod) { p.Status.ContainerStatuses = creating() }, "", startsWithin - time.Second},
		"a volume is not there": {
			startsWithin, func(p *corev1.Pod) { p.Status.ContainerStatuses = creating() },
			"ring-1 has not started its proxy since 2026-01-02T03:02:05Z: ContainerCreating on node n1: its image, a volume or its network is not there yet; kubectl describe pod", resync,
		},
		"an init container does not end": {time.Hour, func(p *corev1.Pod) {
			p.Status.ContainerStatuses = inState(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}})
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{
				{Name: "beside", Started: new(true), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
				{Name: "prepare", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			}
		}, "its init container prepare has not ended", resync},
		"no scheduler":             {time.Hour, func(p *corev1.Pod) { p.Spec.NodeName, p.Spec.SchedulerName = "", "mine" }, `no scheduler has taken it up: look whether "mine", its schedulerName, runs`, resync},
		"a gate":                   {time.Hour, func(p *corev1.Pod) { p.Spec.NodeName = ""; p.Status.Conditions = gated }, "it has no node: SchedulingGated: Scheduling is blocked", resync},
		"the kubelet says nothing": {time.Hour, func(*corev1.Pod) {}, "node n1 has not taken it up", resync},
		"it runs": {time.Hour, func(p *corev1.Pod) {
			p.Status.ContainerStatuses = inState(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now)}})
		}, "", readyWithin},
		"it ran": {time.Hour, func(p *corev1.Pod) {
			p.Status.ContainerStatuses = creating()
			p.Status.ContainerStatuses[0].RestartCount = 1
		}, "", resync},
		"asked to go": {time.Hour, func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.NewTime(now)) }, "", resync},
		"it ended":    {time.Hour, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, "", resync},
		"ready, no more said": {time.Hour, func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}, "", resync},
	}
	for name, tt := range tests {
		for _, before := range []string{v1alpha1.ReasonHealthy, v1alpha1.ReasonStarting} {
			t.Run(name+", "+before, func(t *testing.T) {
				seen, d := scene()
				seen.cluster.Status.Conditions[0].Reason = before
				p := &seen.pods[1]
				p.Name, p.Spec.NodeName, p.CreationTimestamp = "ring-1", "n1", metav1.NewTime(now.Add(-tt.age))
				tt.change(p)
				c := meta.FindStatusCondition(statusOf(seen, d, outcome{}, metav1.NewTime(now)).Conditions, v1alpha1.ConditionDegraded)
				if told := c.Reason == v1alpha1.ReasonPodStartFailed; told != (tt.says != "") || !strings.Contains(c.Message, tt.says) {
					t.Errorf("%s: %s, want %q", c.Reason, c.Message, tt.says)
				}
				if again := lookAgain(seen, now); again != tt.again {
					t.Errorf("looks again after %v, want %v", again, tt.again)
				}
			})
		}
	}
}

var gated = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "SchedulingGated", Message: "Scheduling is blocked due to non-empty scheduling gates"}}

// TestManyUnstartedAreCounted: the message stays short.
func TestManyUnstartedAreCounted(t *testing.T) {
	now := time.Now()
	seen := &observation{pods: make([]corev1.Pod, 50)}
	for i := range seen.pods {
		seen.pods[i].CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
	}
	if got := unstartedTrouble(seen, now); strings.Count(got.message, "has not started") != mostUnstarted || !strings.Contains(got.message, "(and 47 more pods)") {
		t.Error(got.message)
	}
}

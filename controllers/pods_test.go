package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
)

// TestTheProxysOwnStatusCounts: the pod's readiness is that of all its containers,
// and the proxy may be one of the init containers.
func TestTheProxysOwnStatusCounts(t *testing.T) {
	began := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: began}}
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	ports := []corev1.ContainerPort{{Name: "sip-udp", ContainerPort: 5070, Protocol: corev1.ProtocolUDP}}
	status := func(name string, ready bool, state corev1.ContainerState) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, Ready: ready, State: state}
	}
	type statuses = []corev1.ContainerStatus
	serves := status(desired.Container, true, running)
	want := func(change func(*membership.Pod)) membership.Pod {
		p := membership.Pod{ID: 2, Name: "ring-1", UID: "u", Address: "10.0.0.2", Port: 5070, Node: "n", Ready: true, Running: true, Started: began.Time}
		if change != nil {
			change(&p)
		}
		return p
	}
	notReady := func(p *membership.Pod) { p.Ready = false }
	notRunning := func(p *membership.Pod) { p.Ready, p.Running, p.Started = false, false, time.Time{} }
	tests := map[string]struct {
		containers, init statuses
		pod              corev1.ConditionStatus // its readiness
		want             membership.Pod
	}{
		"alone":                           {statuses{serves}, nil, corev1.ConditionTrue, want(nil)},
		"alone, the pod is late":          {statuses{serves}, nil, corev1.ConditionFalse, want(nil)},
		"alone, not ready":                {statuses{status(desired.Container, false, running)}, nil, corev1.ConditionFalse, want(notReady)},
		"alone, ended":                    {statuses{status(desired.Container, false, waiting)}, nil, corev1.ConditionFalse, want(notRunning)},
		"beside an app that crashes":      {statuses{status("asterisk", false, waiting), serves}, nil, corev1.ConditionFalse, want(nil)},
		"not ready beside one that is":    {statuses{status("asterisk", true, running), status(desired.Container, false, running)}, nil, corev1.ConditionFalse, want(notReady)},
		"native sidecar":                  {statuses{status("asterisk", true, running)}, statuses{serves}, corev1.ConditionTrue, want(nil)},
		"native sidecar, the app crashes": {statuses{status("asterisk", false, waiting)}, statuses{status("prepare", true, corev1.ContainerState{}), serves}, corev1.ConditionFalse, want(nil)},
		"native sidecar, ended":           {statuses{status("asterisk", true, running)}, statuses{status(desired.Container, false, waiting)}, corev1.ConditionFalse, want(notRunning)},
		"no status yet":                   {nil, nil, corev1.ConditionFalse, want(notRunning)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ring-1", UID: "u"}, Spec: corev1.PodSpec{NodeName: "n"}}
			p.Status = corev1.PodStatus{
				PodIP: "10.0.0.2", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: tt.pod}},
				ContainerStatuses: tt.containers, InitContainerStatuses: tt.init,
			}
			proxy := corev1.Container{Name: desired.Container, Ports: ports}
			if p.Spec.Containers = []corev1.Container{{Name: "asterisk"}, proxy}; tt.init != nil {
				p.Spec.Containers, p.Spec.InitContainers = p.Spec.Containers[:1], []corev1.Container{proxy}
			}
			got, ok := podInput(&v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Name: "ring"}}, p)
			if d := cmp.Diff(tt.want, got); d != "" || !ok {
				t.Errorf("ok %v (-want +got):\n%s", ok, d)
			}
		})
	}
}

package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
)

// podInput is what the pod says of its proxy; false where its name is none of a
// member's. What other containers do in the pod is not the proxy's affair.
func podInput(c *v1alpha1.SIPCluster, p *corev1.Pod) (membership.Pod, bool) {
	ordinal, ok := desired.Ordinal(c.Name, p.Name)
	if !ok {
		return membership.Pod{}, false
	}
	port, ok := desired.PodSIPPort(c, p)
	if !ok {
		port = desired.SIPPort(c)
	}
	out := membership.Pod{
		ID: uint32(ordinal) + 1, Name: p.Name, UID: string(p.UID), Address: p.Status.PodIP, Port: port, Node: p.Spec.NodeName,
		Ready:    proxyReady(p),
		Deleting: !p.DeletionTimestamp.IsZero(),
		Finished: p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded,
	}
	if s := proxyStatus(p); s != nil && s.State.Running != nil {
		out.Running, out.Started = true, s.State.Running.StartedAt.Time
	}
	return out, true
}

// proxyStatus is the status of the proxy's container, which is an init container
// where it runs as a native sidecar; nil before it has one.
func proxyStatus(p *corev1.Pod) *corev1.ContainerStatus {
	for _, statuses := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for i := range statuses {
			if s := &statuses[i]; s.Name == desired.Container {
				return s
			}
		}
	}
	return nil
}

// proxyReady says that the proxy's container passed its readiness probe. A pod
// that is not ready may owe that to another container, or to its node.
func proxyReady(p *corev1.Pod) bool {
	s := proxyStatus(p)
	return s != nil && s.Ready || readyCondition(p).Status == corev1.ConditionTrue
}

// readySince is since when the pod is ready, or not; zero where it does not say.
func readySince(p *corev1.Pod) time.Time { return readyCondition(p).LastTransitionTime.Time }

// readyCondition is the pod's own; zero where there is none.
func readyCondition(p *corev1.Pod) corev1.PodCondition {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c
		}
	}
	return corev1.PodCondition{}
}

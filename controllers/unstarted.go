package controllers

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// startsWithin is how long a pod may take to start its proxy, an image that is pulled
// included, before that is told as a trouble.
const startsWithin = 2 * time.Minute

// mostUnstarted bounds the pods that a message names.
const mostUnstarted = 3

// unstartedTrouble names the pods whose proxy has not begun, though nothing in their
// status says that anything went wrong: what they wait for stands in Events of theirs,
// if anywhere.
func unstartedTrouble(seen *observation, now time.Time) *trouble {
	var told []string
	all := 0
	for i := range seen.pods {
		p := &seen.pods[i]
		if due, ok := unstartedAt(p); !ok || now.Before(due) {
			continue
		}
		if all++; all <= mostUnstarted {
			told = append(told, fmt.Sprintf("%s has not started its proxy%s: %s", p.Name, sinceText(p.CreationTimestamp.Time), awaited(p)))
		}
	}
	if all == 0 {
		return nil
	}
	message := strings.Join(told, "; ")
	if more := all - len(told); more > 0 {
		message += fmt.Sprintf(" (and %d more pods)", more)
	}
	return &trouble{reason: v1alpha1.ReasonPodStartFailed, message: message + "; kubectl describe pod says more"}
}

// unstartedAt is from when on it is a trouble that the pod's proxy has not begun. Not
// ok: it has, or the pod ended or is asked to go.
func unstartedAt(p *corev1.Pod) (due time.Time, ok bool) {
	if p.CreationTimestamp.IsZero() || !p.DeletionTimestamp.IsZero() || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return time.Time{}, false
	}
	if s := proxyStatus(p); proxyReady(p) || s != nil && (s.State.Running != nil || s.State.Terminated != nil || s.RestartCount > 0) {
		return time.Time{}, false
	}
	return p.CreationTimestamp.Add(startsWithin), true
}

// awaited is what a pod that has not started waits for, as far as its status tells.
func awaited(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return fmt.Sprintf("it has no node: %s: %s", c.Reason, c.Message)
		}
	}
	if p.Spec.NodeName == "" {
		return fmt.Sprintf("no scheduler has taken it up: look whether %q, its schedulerName, runs", p.Spec.SchedulerName)
	}
	for i := range p.Status.InitContainerStatuses {
		if s := &p.Status.InitContainerStatuses[i]; s.State.Running != nil && (s.Started == nil || !*s.Started) {
			return fmt.Sprintf("its init container %s has not ended", s.Name)
		}
	}
	if s := proxyStatus(p); s != nil && s.State.Waiting != nil {
		return fmt.Sprintf("%s on node %s: its image, a volume or its network is not there yet", s.State.Waiting.Reason, p.Spec.NodeName)
	}
	return fmt.Sprintf("node %s has not taken it up", p.Spec.NodeName)
}

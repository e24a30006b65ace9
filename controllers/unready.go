package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// readyWithin is how long a proxy that starts may take to hold what it will own
// before that is told as a trouble.
const readyWithin = 2 * time.Minute

// nodeTrouble names the nodes that are not heard of, or gone, and whom they took along.
func nodeTrouble(seen *observation, d *membership.Result) *trouble {
	var told []string
	for i := range seen.nodes {
		n := &seen.nodes[i]
		if !nodeLost(n) {
			continue
		}
		told = append(told, fmt.Sprintf("node %s is not heard of%s, and with it %s", n.Name, sinceText(nodeReady(n).LastTransitionTime.Time), strings.Join(podsOn(seen.pods, n.Name), ", ")))
	}
	for _, n := range seen.deleted {
		told = append(told, fmt.Sprintf("node %s was deleted%s, and %s is still said to be on it", n.name, sinceText(n.missing), strings.Join(podsOn(seen.pods, n.name), ", ")))
	}
	if len(told) == 0 {
		return nil
	}
	slices.Sort(told)
	return &trouble{reason: v1alpha1.ReasonNodeLost, message: strings.Join(told, "; ") + kept(d)}
}

func podsOn(pods []corev1.Pod, node string) (names []string) {
	for i := range pods {
		if pods[i].Spec.NodeName == node {
			names = append(names, pods[i].Name)
		}
	}
	return names
}

// notReadyTrouble names the proxies that run, or did, and do not serve: at once
// where it did before, is in the ring, or crashed; after readyWithin where it
// only starts.
func notReadyTrouble(seen *observation, d *membership.Result, now time.Time) *trouble {
	var told []string
	for i := range seen.pods {
		p := &seen.pods[i]
		due, ok := unreadyAt(p)
		if ok && (!now.Before(due) || slices.Contains(d.Kept, p.Name)) {
			told = append(told, p.Name+" is not ready"+sinceText(readySince(p)))
		} else if proxyReady(p) && diverted(d, p.Name) {
			told = append(told, p.Name+" says that it does not serve")
		}
	}
	if len(told) == 0 || d.Held {
		return nil
	}
	return &trouble{reason: v1alpha1.ReasonMemberNotReady, message: strings.Join(told, ", ") + ": look at its log and its readiness probe" + kept(d)}
}

// kept says who stays in the ring in spite of that.
func kept(d *membership.Result) string {
	if len(d.Kept) == 0 {
		return ""
	}
	return "; still in the ring, as the process runs and the other members do not miss it: " + strings.Join(d.Kept, ", ")
}

// diverted: the member is in the ring, and traffic goes to the others.
func diverted(d *membership.Result, name string) bool {
	m, ok := d.Set.ByName(name)
	return ok && m.State == config.Active && slices.ContainsFunc(d.Endpoints, func(e membership.Endpoint) bool { return e.Name == name && !e.Ready })
}

// unreadyAt is from when on the pod's not being ready is a trouble; zero is at
// once. Not ok: it is ready, asked to go, or its proxy has not started.
func unreadyAt(p *corev1.Pod) (due time.Time, ok bool) {
	s := proxyStatus(p)
	if s == nil || proxyReady(p) || !p.DeletionTimestamp.IsZero() {
		return time.Time{}, false
	}
	run := s.State.Running
	switch {
	case s.RestartCount > 0 || s.State.Terminated != nil:
		return time.Time{}, true
	case run == nil:
		return time.Time{}, false
	case readySince(p).After(run.StartedAt.Time): // it was ready in between
		return time.Time{}, true
	}
	return run.StartedAt.Add(readyWithin), true
}

func sinceText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + t.UTC().Format(time.RFC3339)
}

// lookAgain is when the pass should be repeated though nothing is heard: when the
// first of what only takes its time becomes a trouble, and before resync.
func lookAgain(seen *observation, now time.Time) time.Duration {
	next := now.Add(resync)
	if due := seen.short.since.Add(podsWithin); due.After(now) {
		next = due
	}
	for i := range seen.pods {
		for _, at := range []func(*corev1.Pod) (time.Time, bool){unreadyAt, unstartedAt} {
			if due, ok := at(&seen.pods[i]); ok && due.After(now) && due.Before(next) {
				next = due
			}
		}
	}
	return next.Sub(now)
}

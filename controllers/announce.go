package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// maxEvents bounds the Events of one published set; the log has them all.
const maxEvents = 20

// announcer tells what a published set changed.
type announcer struct {
	recorder events.EventRecorder
	metrics  *Metrics
}

// announce tells what a set that was just published changed: by Events, by log
// lines and by the count of failovers.
func (a *announcer) announce(ctx context.Context, seen *observation, d *membership.Result) {
	c := seen.cluster
	log := ctrl.LoggerFrom(ctx).WithValues("epoch", d.Set.Epoch)
	a.metrics.lost(c, d)
	for i, change := range d.Changes {
		severity, reason, note := describe(c, change, d.Set)
		log.Info(reason, "step", steps[change.Kind], "member", change.Member.Name, "address", change.Member.Address, "cause", string(change.Cause))
		if i < maxEvents || change.Kind == membership.RingChanged {
			a.tell(c, podOf(seen.pods, change.Member), severity, reason, note)
		}
	}
	if d.Held {
		log.Info("Nothing says of any member that it serves: the last ring is kept")
	}
}

// steps name the lines of the log, in the words of the proxies' own.
var steps = map[membership.Kind]string{
	membership.Joined: "joined", membership.Draining: "draining", membership.Lost: "evicted", membership.Left: "left", membership.RingChanged: "ring",
}

// tell records an Event on the SIPCluster and one on the pod, if there is one:
// each is described with its own. Both name the other, without which Events of
// two pods would be counted as one that happened twice.
func (a *announcer) tell(c *v1alpha1.SIPCluster, pod *corev1.Pod, severity, reason, note string) {
	if pod == nil {
		a.recorder.Eventf(c, nil, severity, reason, publishing, "%s", note)
		return
	}
	a.recorder.Eventf(c, pod, severity, reason, publishing, "%s", note)
	a.recorder.Eventf(pod, c, severity, reason, publishing, "%s", note)
}

// publishing is what the operator did when it told of a member.
const publishing = "Publish"

// podOf is the pod of the member; nil where it is no more, or another by now.
func podOf(pods []corev1.Pod, m config.Member) *corev1.Pod {
	for i := range pods {
		if pods[i].Name == m.Name && pods[i].Status.PodIP == m.Address {
			return &pods[i]
		}
	}
	return nil
}

func describe(c *v1alpha1.SIPCluster, change membership.Change, set *config.MemberSet) (severity, reason, note string) {
	m := change.Member
	at := fmt.Sprintf("epoch %d", set.Epoch)
	switch change.Kind {
	case membership.Joined:
		return corev1.EventTypeNormal, v1alpha1.EventMemberJoined, fmt.Sprintf("%s (%s on %s) is in the ring, %s", m.Name, m.Address, m.Node, at)
	case membership.Draining:
		return corev1.EventTypeNormal, v1alpha1.EventMemberDraining, fmt.Sprintf("%s (%s) hands over and leaves%s, %s", m.Name, m.Address, awaits(c), at)
	case membership.Left:
		return corev1.EventTypeNormal, v1alpha1.EventMemberLeft, fmt.Sprintf("%s (%s) has left, %s", m.Name, m.Address, at)
	case membership.Lost:
		return corev1.EventTypeWarning, v1alpha1.EventMemberLost, fmt.Sprintf("%s (%s on %s) is out of the ring: %s, %s", m.Name, m.Address, m.Node, causes[change.Cause], at)
	}
	return corev1.EventTypeNormal, v1alpha1.EventRingChanged, fmt.Sprintf("%d members are in the ring, %s", activeCount(set), at)
}

// awaits says how long a member that leaves waits for the calls of the application beside it.
func awaits(c *v1alpha1.SIPCluster) string {
	if c.Spec.LocalApp == nil {
		return ""
	}
	return fmt.Sprintf(", and waits up to %d s for the calls of its application to end", desired.GracePeriod(c))
}

var causes = map[membership.Cause]string{
	membership.NotReady:    "its process ended",
	membership.Gone:        "its pod is gone",
	membership.NodeLost:    "its node is lost, and the others do not reach it",
	membership.NodeDeleted: "its node was deleted",
	membership.Evicted:     "most of the others do not reach it",
}

func activeCount(set *config.MemberSet) int {
	n := 0
	for _, m := range set.Members {
		if m.State == config.Active {
			n++
		}
	}
	return n
}

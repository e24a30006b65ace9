package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
)

// trouble is a reason of ConditionDegraded and what to say of it.
type trouble struct {
	reason, message string
	// stalls: nothing mends it but somebody.
	stalls bool
	// aside: it hinders nothing that the spec asks for, though somebody should know.
	aside bool
}

// degraded: is something broken or at risk? The first that applies is told, and
// with what is broken the risk. it is nil where nothing is.
func degraded(seen *observation, d *membership.Result, did outcome, now time.Time) (condition metav1.Condition, it *trouble) {
	no := func(reason, message string) (metav1.Condition, *trouble) {
		return metav1.Condition{Type: v1alpha1.ConditionDegraded, Status: metav1.ConditionFalse, Reason: reason, Message: message}, nil
	}
	broken := firstOf(faulty(did.faults), nodeTrouble(seen, d), podTrouble(seen.pods), did.credentials, blockedTrouble(seen), familyTrouble(seen, d), shortageTrouble(seen, now), heldTrouble(d), evictedTrouble(d), unstartedTrouble(seen, now), notReadyTrouble(seen, d, now), did.rotated.stuck, rivalTrouble(seen), strangerTrouble(seen))
	wanted := int(desired.Replicas(seen.cluster))
	toCome := riskTrouble(d, wanted)
	if broken == nil && toCome != nil && starting(seen.cluster) {
		return no(v1alpha1.ReasonStarting, toCome.message)
	}
	atRisk := riskTrouble(d, known(seen.cluster, d, wanted))
	if broken == nil && toCome != nil && atRisk == nil {
		return no(v1alpha1.ReasonGrowing, toCome.message)
	}
	if broken != nil && atRisk != nil {
		broken.message += "; " + atRisk.message
		broken.aside = false
	}
	if t := firstOf(broken, atRisk); t != nil {
		return metav1.Condition{Type: v1alpha1.ConditionDegraded, Status: metav1.ConditionTrue, Reason: t.reason, Message: shortened(t.message)}, t
	}
	return no(v1alpha1.ReasonHealthy, "nothing is wrong")
}

func firstOf(troubles ...*trouble) *trouble {
	for _, t := range troubles {
		if t != nil {
			return t
		}
	}
	return nil
}

// starting says that the cluster has never yet been without trouble: few members
// are no news then.
func starting(c *v1alpha1.SIPCluster) bool {
	before := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionDegraded)
	return before == nil || before.Reason == v1alpha1.ReasonStarting
}

// known is how many members there are to reckon with: those that are wanted but,
// where more were asked for than before and no member was lost since, only those
// that are or were in the ring. What was lost is known by the status before.
func known(c *v1alpha1.SIPCluster, d *membership.Result, wanted int) int {
	before := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionDegraded)
	if before == nil || before.Status == metav1.ConditionTrue {
		return wanted
	}
	active, was := activeCount(d.Set), int(c.Status.ActiveMembers)
	if active < was && before.Reason != v1alpha1.ReasonGrowing {
		return wanted
	}
	return min(wanted, max(active, was))
}

// shortened keeps a message that quotes others within what a person reads.
func shortened(s string) string {
	const most = 1000
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

func faulty(faults []fault) *trouble {
	for _, f := range faults {
		if f.reason != "" {
			return &trouble{reason: f.reason, message: f.err.Error(), stalls: f.stalls()}
		}
	}
	return nil
}

// worst are the reasons of troubleOf, the worst first: what no time mends before
// what the next node, or the registry's return, does.
var worst = []string{
	v1alpha1.ReasonCrashLooping, v1alpha1.ReasonPortClash, v1alpha1.ReasonPodStartFailed,
	v1alpha1.ReasonImageUnavailable, v1alpha1.ReasonUnschedulable,
}

// podTrouble is the worst that keeps a pod from running: of several pods with
// the same trouble the first is named, and the others are counted.
func podTrouble(pods []corev1.Pod) *trouble {
	var told *trouble
	all := 0
	for i := range pods {
		t := troubleOf(&pods[i])
		if t == nil {
			continue
		}
		all++
		if told == nil || slices.Index(worst, t.reason) < slices.Index(worst, told.reason) {
			t.message = pods[i].Name + ": " + t.message
			told = t
		}
	}
	if all > 1 {
		told.message += fmt.Sprintf(" (and %d more pods in trouble)", all-1)
	}
	return told
}

func troubleOf(p *corev1.Pod) *trouble {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			reason := v1alpha1.ReasonUnschedulable
			if strings.Contains(c.Message, "free ports") {
				reason = v1alpha1.ReasonPortClash
			}
			return &trouble{reason: reason, message: c.Message, stalls: reason == v1alpha1.ReasonPortClash}
		}
	}
	for _, statuses := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range statuses {
			if t := containerTrouble(&statuses[i]); t != nil {
				return t
			}
		}
	}
	return nil
}

func containerTrouble(s *corev1.ContainerStatus) *trouble {
	w := s.State.Waiting
	if w == nil {
		return nil
	}
	switch w.Reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable":
		return &trouble{reason: v1alpha1.ReasonImageUnavailable, message: fmt.Sprintf("image %s: %s: %s", s.Image, w.Reason, w.Message), stalls: true}
	case "CrashLoopBackOff":
		return crash(s)
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError":
		return &trouble{reason: v1alpha1.ReasonPodStartFailed, message: fmt.Sprintf("%s: %s", w.Reason, w.Message), stalls: true}
	}
	return nil
}

func crash(s *corev1.ContainerStatus) *trouble {
	last := cmp.Or(s.LastTerminationState.Terminated, &corev1.ContainerStateTerminated{})
	text := strings.TrimSpace(last.Message)
	reason := v1alpha1.ReasonCrashLooping
	if strings.Contains(text, "address already in use") {
		reason = v1alpha1.ReasonPortClash
	}
	return &trouble{reason: reason, message: fmt.Sprintf("container %s ended %d times, last with exit code %d: %s", s.Name, s.RestartCount, last.ExitCode, cmp.Or(text, last.Reason)), stalls: true}
}

func heldTrouble(d *membership.Result) *trouble {
	if !d.Held {
		return nil
	}
	return &trouble{reason: v1alpha1.ReasonMembersNotReady, message: "no pod is ready any more: look at the pods' readiness probes and logs; the last ring is kept meanwhile"}
}

func evictedTrouble(d *membership.Result) *trouble {
	if len(d.Evicted) == 0 {
		return nil
	}
	var told []string
	if len(d.Ended) > 0 {
		told = append(told, fmt.Sprintf("nothing listens at %s any more: its process ended, and the others have not reached it since", strings.Join(d.Ended, ", ")))
	}
	silent := slices.DeleteFunc(slices.Clone(d.Evicted), func(name string) bool { return slices.Contains(d.Ended, name) })
	if len(silent) > 0 {
		told = append(told, fmt.Sprintf("most of the others do not reach %s: it hangs, or the network between its node and theirs is broken", strings.Join(silent, ", ")))
	}
	return &trouble{reason: v1alpha1.ReasonMemberEvicted, message: strings.Join(told, "; ")}
}

// riskTrouble: fewer than all are in the ring, so that one more loss may cost
// something.
func riskTrouble(d *membership.Result, all int) *trouble {
	active, copies := activeCount(d.Set), min(d.Set.Ring.Replicas, all)
	switch {
	case all > 0 && 2*active <= all:
		return &trouble{reason: v1alpha1.ReasonNoQuorum, message: fmt.Sprintf("%d of %d members are in the ring: too few to tell a lost member from a lost network", active, all)}
	case active < copies:
		return &trouble{reason: v1alpha1.ReasonUnderReplicated, message: fmt.Sprintf("%d members cannot hold %d copies of each binding", active, copies)}
	}
	return nil
}

package controllers

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// statusOf is the status after a pass. It is pure but for the time, which only
// dates the conditions that change.
func statusOf(seen *observation, d *membership.Result, did outcome, now metav1.Time) v1alpha1.SIPClusterStatus {
	c := seen.cluster
	s := *c.Status.DeepCopy()
	s.ObservedGeneration = c.Generation
	s.Members = memberStatuses(&c.Status, d)
	s.Epoch = int64(d.Set.Epoch)
	s.RingSeed = d.Set.Ring.Seed.String()
	s.Addresses = desired.Addresses(c, seen.services(), d.Set)
	s.Listeners = desired.ListenerStatuses(c, seen.services(), d.Set)
	s.Replicas = int32(len(seen.pods))
	s.ActiveMembers, s.TotalMembers = int32(activeCount(d.Set)), desired.Replicas(c)
	s.Selector = desired.Selector(c.Name)
	s.Keys, s.Signer = cmp.Or(did.rotated.keys, s.Keys), cmp.Or(did.rotated.signer, s.Signer)
	setSummary(&s, seen, d, now)
	setConditions(&s.Conditions, seen, d, did, now)
	return s
}

func setConditions(conditions *[]metav1.Condition, seen *observation, d *membership.Result, did outcome, now metav1.Time) {
	serves, moves := available(seen, d), did.held.over(progressing(seen, d, did.generation))
	setPaused(conditions, seen.cluster, now)
	setOpen(conditions, seen.cluster, now)
	setTranslated(conditions, seen.cluster, did.translated, now)
	setApplications(conditions, seen.cluster, did.applications, now)
	broken, it := degraded(seen, d, did, now.Time)
	judged(serves, moves, it, did.faults).set(conditions, seen.cluster.Generation, now)
	for _, condition := range []metav1.Condition{serves, moves, broken} {
		condition.ObservedGeneration = seen.cluster.Generation
		condition.LastTransitionTime = now
		meta.SetStatusCondition(conditions, condition)
	}
}

// memberStatuses keeps the shares of the status before where the ring is still
// the one that they were computed from.
func memberStatuses(before *v1alpha1.SIPClusterStatus, d *membership.Result) []v1alpha1.MemberStatus {
	shares := map[string]int32{}
	if before.Epoch == int64(d.Set.Epoch) {
		for _, m := range before.Members {
			shares[m.Name] = m.SharePermille
		}
	} else {
		shares = ringShares(d.Set)
	}
	out := make([]v1alpha1.MemberStatus, 0, len(d.Set.Members))
	for _, m := range d.Set.Members {
		out = append(out, v1alpha1.MemberStatus{
			Name: m.Name, Address: m.Address, Node: m.Node, Zone: m.Zone,
			State: memberState(m, d.Evicted), SharePermille: shares[m.Name],
		})
	}
	return out
}

// ringShares is the part of the ring, in thousandths, that each active member is
// home for.
func ringShares(set *config.MemberSet) map[string]int32 {
	table := set.Published()
	shares := map[string]int32{}
	for _, m := range set.Members {
		if m.State == config.Active {
			shares[m.Name] = int32(math.Round(1000 * table.Share(m.ID)))
		}
	}
	return shares
}

func memberState(m config.Member, evicted []string) v1alpha1.MemberState {
	if _, out := slices.BinarySearch(evicted, m.Name); out {
		return v1alpha1.MemberEvicted
	}
	return v1alpha1.MemberState(m.State)
}

// available: are phones served?
func available(seen *observation, d *membership.Result) metav1.Condition {
	no := func(reason, format string, args ...any) metav1.Condition {
		return metav1.Condition{Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionFalse, Reason: reason, Message: fmt.Sprintf(format, args...)}
	}
	active, wanted := activeCount(d.Set), desired.Replicas(seen.cluster)
	switch {
	case wanted == 0 && active == 0:
		return no(v1alpha1.ReasonStopped, "spec.replicas is 0")
	case active == 0:
		return no(v1alpha1.ReasonNoActiveMember, "no member is in the ring yet: %d on their way", len(d.Set.Members))
	case d.Held:
		return no(v1alpha1.ReasonMembersNotReady, "no pod is ready: the last ring of %d is kept", active)
	case cutOff(seen, d):
		return no(v1alpha1.ReasonFamilyMismatch, "%d members are in the ring, and none has an address of Service %s, which is %s", active, seen.service.Name, families(seen.service))
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonServing,
		Message: fmt.Sprintf("%d of %d members are in the ring", active, wanted),
	}
}

// progressing: is what is asked for still on its way? generation is that of the
// StatefulSet as it was applied last.
func progressing(seen *observation, d *membership.Result, generation int64) metav1.Condition {
	yes := func(reason, format string, args ...any) metav1.Condition {
		return metav1.Condition{Type: v1alpha1.ConditionProgressing, Status: metav1.ConditionTrue, Reason: reason, Message: fmt.Sprintf(format, args...)}
	}
	wanted, have := desired.Replicas(seen.cluster), int32(len(seen.pods))
	active := activeCount(d.Set)
	set := seen.statefulSet
	switch {
	case waitsForShared(seen):
		return yes(v1alpha1.ReasonWaitingForAddress, "%s", sharedAwaited(seen))
	case set == nil || have != wanted:
		return yes(v1alpha1.ReasonScaling, "%d of %d pods exist", have, wanted)
	case set.Status.ObservedGeneration < max(set.Generation, generation):
		return yes(v1alpha1.ReasonUpdating, "Kubernetes has not taken up the new StatefulSet yet")
	case set.Status.UpdateRevision != set.Status.CurrentRevision && set.Status.UpdatedReplicas < desired.ToReplace(seen.cluster):
		return yes(v1alpha1.ReasonUpdating, "%d of %d pods are up to date", set.Status.UpdatedReplicas, desired.ToReplace(seen.cluster))
	case active != int(wanted) || len(d.Set.Members) != active:
		return yes(v1alpha1.ReasonMembersMoving, "%d of %d members are in the ring, %d join or drain", active, wanted, len(d.Set.Members)-active)
	case desired.WaitsForAddress(seen.cluster, seen.services()) != "":
		return yes(v1alpha1.ReasonWaitingForAddress, "the load balancer of Service %s has no address yet; set advertise in spec.listeners if it never gets one", desired.WaitsForAddress(seen.cluster, seen.services()))
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionProgressing, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonStable,
		Message: fmt.Sprintf("all %d members are in the ring", wanted),
	}
}

package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// annotationRollout of a StatefulSet holds the rollout of its pods. It is written with
// the pods' template itself, so that whoever leads next knows what this one began.
const annotationRollout = "sipring.io/rollout"

// rollout is what the operator made the pods from last, and how far their replacement
// is. The zero value is that of a StatefulSet that does not say.
type rollout struct {
	// Template is a digest of the pods' template.
	Template string `json:"template"`
	// Generation, Pods and Spec are of the SIPCluster that it was made from: its
	// generation, and digests of the part of the spec that makes pods and of all but
	// spec.paused.
	Generation int64  `json:"generation"`
	Pods       string `json:"pods"`
	Spec       string `json:"spec"`
	// Selected are the Secrets of credentials that it selected.
	Selected []string `json:"selected,omitempty"`
	// Shared are the addresses that nodes hold together, with spec.network.mode
	// SharedAddress.
	Shared []string `json:"shared,omitempty"`
	// Cause is who had the pods replaced; empty where they never were.
	Cause cause `json:"cause,omitempty"`
	// Why says what changed, for people.
	Why string `json:"why,omitempty"`
	// Began and Ended are when; Ended is zero while pods are being replaced.
	Began time.Time `json:"began,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
}

// cause is who had pods replaced.
type cause string

const (
	// bySpec: somebody changed the SIPCluster.
	bySpec cause = "Spec"
	// byOperator: the SIPCluster is the same, and the operator makes other pods of it.
	byOperator cause = "Operator"
	// bySecrets: the SIPCluster is the same, and it selects other Secrets.
	bySecrets cause = "Secrets"
	// byAddress: the SIPCluster is the same, and the load balancer has assigned another
	// address.
	byAddress cause = "Address"
)

func (o *rollout) underWay() bool { return o.Cause != "" && o.Ended.IsZero() }

// rolloutOf reads the annotation. What cannot be read was not written by an operator,
// and counts for nothing.
func rolloutOf(set *appsv1.StatefulSet) rollout {
	var o rollout
	if json.Unmarshal([]byte(set.Annotations[annotationRollout]), &o) != nil {
		return rollout{}
	}
	return o
}

func (o *rollout) text() string {
	b, _ := json.Marshal(o) // plain data
	return string(b)
}

// planned is the rollout that applying the StatefulSet comes to. starts says that it
// replaces the pods of what is there. generation is that of the StatefulSet as it was
// applied last.
func planned(seen *observation, before *rollout, want *appsv1ac.StatefulSetApplyConfiguration, generation int64, now time.Time) (next rollout, starts bool) {
	c := seen.cluster
	next = *before
	next.Template, next.Generation, next.Pods, next.Spec = digest(want.Spec.Template), c.Generation, podsDigest(c), specDigest(c)
	next.Selected, next.Shared = seen.selected, seen.shared
	if seen.statefulSet == nil {
		next.Cause, next.Why, next.Began, next.Ended = "", "", time.Time{}, time.Time{}
		return next, false
	}
	if next.Template == before.Template || len(seen.pods) == 0 {
		if next.underWay() && replaced(seen, generation) {
			next.Ended = stamp(now)
		}
		return next, false
	}
	if by := changedBy(before, &next); by == byOperator || !before.underWay() {
		next.Cause = by // one that a newer operator began, and did not end, stays its own
	}
	next.Why, next.Began, next.Ended = difference(seen.statefulSet, want.Spec.Template), stamp(now), time.Time{}
	if changed := selectedOtherwise(before.Selected, next.Selected); changed != "" {
		next.Why = "Secrets of credentials: " + changed
	}
	if next.Cause == byAddress {
		next.Why = fmt.Sprintf("shared addresses %s -> %s", strings.Join(before.Shared, ", "), strings.Join(next.Shared, ", "))
	}
	return next, true
}

// changedBy tells a person's change from the operator's. A generation without another
// digest is that of a change that concerns no pods, such as another number of them;
// a digest without another generation that of a default that came with the operator.
func changedBy(before, now *rollout) cause {
	if before.Generation != 0 && before.Generation != now.Generation && before.Pods != now.Pods {
		return bySpec
	}
	if !slices.Equal(before.Selected, now.Selected) {
		return bySecrets
	}
	if !slices.Equal(before.Shared, now.Shared) {
		return byAddress
	}
	return byOperator
}

// selectedOtherwise says which Secrets came and went, a few by their names.
func selectedOtherwise(before, now []string) string {
	const most = 5
	var parts []string
	for sign, lists := range [2][2][]string{{now, before}, {before, now}} {
		for _, name := range lists[0] {
			if !slices.Contains(lists[1], name) {
				parts = append(parts, string("+-"[sign])+name)
			}
		}
	}
	if more := len(parts) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(parts[:most], " "), more)
	}
	return strings.Join(parts, " ")
}

// replaced says that the pods are those that were asked for last, and in the ring.
func replaced(seen *observation, generation int64) bool {
	set, wanted := seen.statefulSet, desired.Replicas(seen.cluster)
	if set.Status.ObservedGeneration < max(set.Generation, generation) || set.Status.UpdatedReplicas < desired.ToReplace(seen.cluster) {
		return false
	}
	published := seen.record.set
	return published != nil && len(published.Members) == int(wanted) && activeCount(published) == int(wanted)
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// digest tells one value from another by its JSON.
func digest(of any) string {
	text, _ := json.Marshal(of) // plain data
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func specDigest(c *v1alpha1.SIPCluster) string {
	s := c.Spec.DeepCopy()
	s.Paused = false
	return digest(s)
}

// podsDigest is of the spec without what makes no other pods.
func podsDigest(c *v1alpha1.SIPCluster) string {
	s := c.Spec.DeepCopy()
	s.Paused, s.Replicas, s.UpdateStrategy = false, nil, v1alpha1.UpdateStrategy{}
	s.Service, s.NetworkPolicy, s.Ring.Replicas = v1alpha1.ServiceTemplate{}, v1alpha1.NetworkPolicy{}, 0
	s.PodDisruptionBudget, s.RevisionHistoryLimit, s.PersistentVolumeClaimRetentionPolicy = v1alpha1.PodDisruptionBudget{}, nil, nil
	for i := range s.Listeners {
		s.Listeners[i].Advertise, s.Listeners[i].NodePort = nil, nil
	}
	return digest(s)
}

// difference says what of the pods changes.
func difference(before *appsv1.StatefulSet, now *corev1ac.PodTemplateSpecApplyConfiguration) string {
	var parts []string
	if was, is := imageBefore(before), imageOf(now); was != is {
		parts = append(parts, fmt.Sprintf("image %s -> %s", was, is))
	}
	if before.Spec.Template.Annotations[desired.AnnotationConfig] != now.Annotations[desired.AnnotationConfig] {
		parts = append(parts, config.ConfigKey)
	}
	if len(parts) == 0 {
		return "pod template"
	}
	return strings.Join(parts, ", ")
}

func imageBefore(set *appsv1.StatefulSet) string {
	if c := desired.Proxy(&set.Spec.Template.Spec); c != nil {
		return c.Image
	}
	return ""
}

func imageOf(t *corev1ac.PodTemplateSpecApplyConfiguration) string {
	for _, c := range slices.Concat(t.Spec.Containers, t.Spec.InitContainers) {
		if c.Name != nil && *c.Name == desired.Container && c.Image != nil {
			return *c.Image
		}
	}
	return ""
}

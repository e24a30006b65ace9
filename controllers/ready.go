package controllers

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// verdict is what the other conditions come to: what is amiss, if anything, and
// whether it is mended without somebody's help.
type verdict struct {
	amiss, stalled  bool
	reason, message string
}

// judged is the verdict on a pass that went to its end; it is what is Degraded, if
// anything.
func judged(available, progressing metav1.Condition, it *trouble, faults []fault) verdict {
	switch {
	case it != nil && !it.aside:
		return verdict{true, it.stalls, it.reason, shortened(it.message)}
	case len(faults) > 0:
		return verdict{true, false, v1alpha1.ReasonRetrying, shortened(faults[0].err.Error())}
	case progressing.Status == metav1.ConditionTrue:
		return verdict{true, false, progressing.Reason, progressing.Message}
	}
	amiss := available.Status != metav1.ConditionTrue && available.Reason != v1alpha1.ReasonStopped
	return verdict{amiss, false, available.Reason, available.Message}
}

// set puts Ready into the conditions and, where something is amiss, one of
// Reconciling and Stalled, which are taken for normal where they are missing.
func (v verdict) set(conditions *[]metav1.Condition, generation int64, now metav1.Time) {
	condition := func(kind string, status metav1.ConditionStatus) metav1.Condition {
		return metav1.Condition{
			Type: kind, Status: status, Reason: v.reason, Message: v.message, ObservedGeneration: generation, LastTransitionTime: now,
		}
	}
	ready := metav1.ConditionTrue
	if v.amiss {
		ready = metav1.ConditionFalse
	}
	meta.SetStatusCondition(conditions, condition(v1alpha1.ConditionReady, ready))
	for kind, is := range map[string]bool{
		v1alpha1.ConditionReconciling: v.amiss && !v.stalled,
		v1alpha1.ConditionStalled:     v.amiss && v.stalled,
	} {
		if is {
			meta.SetStatusCondition(conditions, condition(kind, metav1.ConditionTrue))
		} else {
			meta.RemoveStatusCondition(conditions, kind)
		}
	}
}

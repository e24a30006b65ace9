package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// hold is why something that was asked for is not carried out yet, which is no fault.
type hold struct {
	reason, message string
	// until is when to look again.
	until time.Time
}

func (h *hold) Error() string { return h.message }

// over puts what is held back into the condition Progressing, where nothing else is
// under way.
func (h *hold) over(moves metav1.Condition) metav1.Condition {
	if h == nil || moves.Status == metav1.ConditionTrue && h.reason != v1alpha1.ReasonPaused {
		return moves
	}
	return metav1.Condition{Type: moves.Type, Status: metav1.ConditionTrue, Reason: h.reason, Message: shortened(h.message)}
}

// again is when the pass should be repeated for it, at most later.
func (h *hold) again(now time.Time, later time.Duration) time.Duration {
	if h == nil || h.until.IsZero() {
		return later
	}
	return min(later, max(h.until.Sub(now), time.Millisecond))
}

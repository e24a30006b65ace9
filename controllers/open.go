package controllers

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// openness is why whoever reaches a listener may register and call as anyone, and as
// whom; empty where everybody is asked for a password.
func openness(s *v1alpha1.SIPClusterSpec) (reason, message string) {
	const anyone = "whoever reaches a listener may register and call as anyone"
	a := s.Authentication
	switch {
	case a == nil:
		return v1alpha1.ReasonNoAuthentication, "there is no spec.authentication, which is required by now: " + anyone + reachedBy(s)
	case a.Open != nil:
		return v1alpha1.ReasonOpen, "spec.authentication is open: " + anyone + reachedBy(s)
	}
	var open []string
	for _, d := range a.Domains {
		if d.Open != nil {
			open = append(open, d.Domain)
		}
	}
	if len(open) == 0 {
		return "", ""
	}
	return v1alpha1.ReasonDomainsOpen, "spec.authentication.domains has open ones: " + anyone + " of " + strings.Join(open, ", ") + reachedBy(s)
}

// reachedBy says what is set against that, as far as the spec has it.
func reachedBy(s *v1alpha1.SIPClusterSpec) string {
	switch {
	case len(s.Service.LoadBalancerSourceRanges) > 0:
		return fmt.Sprintf("; spec.service.loadBalancerSourceRanges lets in %s alone, if the load balancer can do that", strings.Join(s.Service.LoadBalancerSourceRanges, ", "))
	case s.Service.Type == corev1.ServiceTypeLoadBalancer:
		return "; spec.service.loadBalancerSourceRanges is empty and lets everybody in"
	}
	return ""
}

// setOpen puts the condition AuthenticationOpen there, or away.
func setOpen(conditions *[]metav1.Condition, c *v1alpha1.SIPCluster, now metav1.Time) {
	reason, message := openness(&c.Spec)
	if reason == "" {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionAuthenticationOpen)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionAuthenticationOpen, Status: metav1.ConditionTrue, Reason: reason, Message: shortened(message),
		ObservedGeneration: c.Generation, LastTransitionTime: now,
	})
}

// tellOpen warns by an Event of what is newly open.
func (r *reporter) tellOpen(c *v1alpha1.SIPCluster, status *v1alpha1.SIPClusterStatus) {
	before := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionAuthenticationOpen)
	now := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionAuthenticationOpen)
	if now != nil && (before == nil || before.Reason != now.Reason) {
		r.recorder.Eventf(c, nil, corev1.EventTypeWarning, v1alpha1.EventAuthenticationOpen, "Reconcile", "%s", now.Message)
	}
}

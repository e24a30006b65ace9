package controllers

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// applicationsOf are those beside the members in the ring; none without spec.localApp.
func applicationsOf(seen *observation, d *membership.Result) []membership.Application {
	if seen.cluster.Spec.LocalApp == nil {
		return nil
	}
	in := seen.input()
	return membership.Applications(&in, d.Set)
}

// mostApplications bounds those that a message names.
const mostApplications = 5

// applicationsReady: do the applications beside the members serve?
func applicationsReady(all []membership.Application) metav1.Condition {
	var down, silent []string
	for _, a := range all {
		switch a.State {
		case config.ApplicationServing:
		case config.ApplicationUnknown:
			silent = append(silent, a.Member)
		default:
			down = append(down, fmt.Sprintf("%s (%s)", a.Member, a.State))
		}
	}
	c := metav1.Condition{Type: v1alpha1.ConditionApplicationsReady, Status: metav1.ConditionFalse}
	switch serve := len(all) - len(down) - len(silent); {
	case len(down) > 0 && len(down) == len(all):
		c.Reason, c.Message = v1alpha1.ReasonNoneServes, "no application serves: calls for their users are answered 503: "+named(down)
	case len(down) > 0:
		c.Reason = v1alpha1.ReasonSomeDown
		c.Message = fmt.Sprintf("%d of %d applications serve, and get the calls of the others: %s", serve, len(all), named(down))
		if len(silent) > 0 {
			c.Message += "; not reported by " + named(silent)
		}
	case len(all) == 0:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonNotReported, "no member is in the ring"
	case len(silent) > 0:
		c.Status, c.Reason = metav1.ConditionUnknown, v1alpha1.ReasonNotReported
		c.Message = fmt.Sprintf("%d of %d applications serve, and of the others it is not reported: %s", serve, len(all), named(silent))
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, v1alpha1.ReasonAllServe, fmt.Sprintf("all %d applications serve", len(all))
	}
	return c
}

// named are the names, a few of many.
func named(names []string) string {
	if more := len(names) - mostApplications; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostApplications], ", "), more)
	}
	return strings.Join(names, ", ")
}

// setApplications puts the condition ApplicationsReady there, or away.
func setApplications(conditions *[]metav1.Condition, c *v1alpha1.SIPCluster, all []membership.Application, now metav1.Time) {
	if c.Spec.LocalApp == nil {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionApplicationsReady)
		return
	}
	condition := applicationsReady(all)
	condition.ObservedGeneration, condition.LastTransitionTime = c.Generation, now
	meta.SetStatusCondition(conditions, condition)
}

// tellApplications tells by an Event which applications do not serve any more, and that
// all do.
func (r *reporter) tellApplications(c *v1alpha1.SIPCluster, status *v1alpha1.SIPClusterStatus) {
	before := cmp.Or(meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionApplicationsReady), &metav1.Condition{})
	now := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionApplicationsReady)
	switch {
	case now == nil || now.Status == before.Status && now.Message == before.Message:
	case now.Status == metav1.ConditionFalse:
		r.recorder.Eventf(c, nil, corev1.EventTypeWarning, now.Reason, "Reconcile", "%s", now.Message)
	case now.Status == metav1.ConditionTrue && before.Status != metav1.ConditionTrue:
		r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventApplicationsReady, "Reconcile", "%s", now.Message)
	}
}

// applicationStates are all values that the label state of the metric can have.
var applicationStates = []string{"serving", "down", "leaving", "unknown"}

// applications shows the states of the applications.
func (m *Metrics) applications(c *v1alpha1.SIPCluster, all []membership.Application) {
	for _, state := range applicationStates {
		n := 0
		for _, a := range all {
			if strings.EqualFold(string(a.State), state) {
				n++
			}
		}
		m.apps.WithLabelValues(c.Namespace, c.Name, state).Set(float64(n))
	}
}

// claimsError says that the StatefulSet that is there has other volumes than are asked
// for, which only a new one could have.
type claimsError struct{ set string }

func (e *claimsError) Error() string {
	return fmt.Sprintf("StatefulSet %s was made with other volumeClaimTemplates than spec has, and no update can change them: "+
		"put spec.volumeClaimTemplates back, or create the SIPCluster anew under another name", e.set)
}

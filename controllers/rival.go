package controllers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// leave ends a pass on a cluster that another installation carries out: nothing
// of it is touched, its status neither, which that one writes.
func (r *Reconciler) leave(c *v1alpha1.SIPCluster, by string) (ctrl.Result, error) {
	key := client.ObjectKeyFromObject(c)
	r.noticed.take(key)
	r.records.forget(key)
	r.forgetApplied(key)
	r.metrics.forget(c.Namespace, c.Name)
	if r.claims.newlyTold(c, by) {
		r.recorder.Eventf(c, nil, corev1.EventTypeWarning, v1alpha1.ReasonOtherOperator, "Claim",
			"the operator %s carries this SIPCluster out, and the operator %s leaves it alone: %s", by, r.claims.identity, oneOfThem)
	}
	return ctrl.Result{RequeueAfter: 2 * claimEvery}, nil
}

// takenOver tells that the operator that carried the cluster out is gone.
func (r *Reconciler) takenOver(c *v1alpha1.SIPCluster) {
	if r.claims.newlyTold(c, "") {
		r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventTakenOver, "Claim",
			"the operator %s carries this SIPCluster out from now on", r.claims.identity)
	}
}

const oneOfThem = "uninstall one of the two, or give each other namespaces to watch"

// rivalTrouble: another installation would carry the cluster out too.
func rivalTrouble(seen *observation) *trouble {
	if seen.rival == "" {
		return nil
	}
	return &trouble{v1alpha1.ReasonOtherOperator, fmt.Sprintf("the operator %s is told to carry this SIPCluster out too, and is refused: %s", seen.rival, oneOfThem), true}
}

package controllers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// tellLeft tells that another installation carries the cluster out.
func (cs *claims) tellLeft(c *v1alpha1.SIPCluster, by string) {
	if cs.newlyTold(c, by) {
		cs.recorder.Eventf(c, nil, corev1.EventTypeWarning, v1alpha1.ReasonOtherOperator, "Claim",
			"the operator %s carries this SIPCluster out, and the operator %s leaves it alone: %s", by, cs.identity, oneOfThem)
	}
}

// tellTakenOver tells that the one that carried the cluster out is gone.
func (cs *claims) tellTakenOver(c *v1alpha1.SIPCluster) {
	if cs.newlyTold(c, "") {
		cs.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventTakenOver, "Claim",
			"the operator %s carries this SIPCluster out from now on", cs.identity)
	}
}

const oneOfThem = "uninstall one of the two, or give each other namespaces to watch"

// rivalTrouble: another installation would carry the cluster out too, and hinders
// nothing.
func rivalTrouble(seen *observation) *trouble {
	if seen.rival == "" {
		return nil
	}
	return &trouble{reason: v1alpha1.ReasonOtherOperator, aside: true, message: fmt.Sprintf("the operator %s is told to carry this SIPCluster out too, and is refused: %s", seen.rival, oneOfThem)}
}

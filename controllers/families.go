package controllers

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
)

// familyTrouble: what comes to the Service in one of its families does not reach
// every member.
func familyTrouble(seen *observation, d *membership.Result) *trouble {
	if seen.service == nil {
		return nil
	}
	unreached := desired.Unreached(seen.service, seen.pods, d.Endpoints)
	for _, family := range seen.service.Spec.IPFamilies {
		if names := unreached[family]; len(names) > 0 {
			return &trouble{reason: v1alpha1.ReasonFamilyMismatch, message: fmt.Sprintf(
				"Service %s has the family %s, and these pods have no address of it, so that nothing reaches them by it: %s. Have the pods' network give them one, or create the SIPCluster anew with the pods' families in spec.service.ipFamilies",
				seen.service.Name, family, strings.Join(names, ", ")), stalls: true}
		}
	}
	return nil
}

// cutOff says that members are in the ring, and that the Service leads to none of
// them, by no family.
func cutOff(seen *observation, d *membership.Result) bool {
	if seen.service == nil || len(seen.service.Spec.IPFamilies) == 0 {
		return false
	}
	ready := 0
	for _, e := range d.Endpoints {
		if e.Ready {
			ready++
		}
	}
	unreached := desired.Unreached(seen.service, seen.pods, d.Endpoints)
	for _, family := range seen.service.Spec.IPFamilies {
		if len(unreached[family]) < ready {
			return false
		}
	}
	return ready > 0
}

// families in words.
func families(service *corev1.Service) string {
	var all []string
	for _, f := range service.Spec.IPFamilies {
		all = append(all, string(f))
	}
	return strings.Join(all, " and ")
}

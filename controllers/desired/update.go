package desired

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// updateStrategy replaces pods one at a time, or as many as may be away.
func updateStrategy(c *v1alpha1.SIPCluster) *appsv1ac.StatefulSetUpdateStrategyApplyConfiguration {
	rolling := appsv1ac.RollingUpdateStatefulSetStrategy().WithPartition(c.Spec.UpdateStrategy.Partition)
	if n := mayBeAway(c); n > 1 { // else the API server has no need to know the field
		rolling.WithMaxUnavailable(intstr.FromInt32(n))
	}
	return appsv1ac.StatefulSetUpdateStrategy().
		WithType(appsv1.RollingUpdateStatefulSetStrategyType).
		WithRollingUpdate(rolling)
}

// mayBeAway is how many pods may be replaced at once: one, or as many as are asked
// for, of which a copy of each binding is left.
func mayBeAway(c *v1alpha1.SIPCluster) int32 {
	asked := c.Spec.UpdateStrategy.MaxUnavailable
	if asked == nil {
		return 1
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(asked, int(Replicas(c)), false)
	if err != nil { // which the CRD refuses
		return 1
	}
	return int32(max(1, min(n, RingParameters(c).Replicas-1)))
}

// ToReplace is how many pods an update replaces: those that spec.updateStrategy does
// not leave as they are.
func ToReplace(c *v1alpha1.SIPCluster) int32 {
	return max(0, Replicas(c)-c.Spec.UpdateStrategy.Partition)
}

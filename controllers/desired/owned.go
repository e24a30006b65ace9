package desired

import (
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// described is an apply configuration with metadata.
type described[T any] interface {
	WithLabels(map[string]string) T
	WithAnnotations(map[string]string) T
	WithOwnerReferences(...*metav1ac.OwnerReferenceApplyConfiguration) T
}

// owned gives an object of the cluster what each has: its owner, and labels and
// annotations, the inherited ones first, so that others win.
func owned[T described[T]](o T, c *v1alpha1.SIPCluster) T {
	inherited := inheritedMetadata(c)
	o.WithLabels(inherited.Labels)
	o.WithLabels(Labels(c.Name))
	o.WithAnnotations(inherited.Annotations)
	return o.WithOwnerReferences(Owner(c))
}

func inheritedMetadata(c *v1alpha1.SIPCluster) v1alpha1.InheritedMetadata {
	if c.Spec.InheritedMetadata == nil {
		return v1alpha1.InheritedMetadata{}
	}
	return *c.Spec.InheritedMetadata
}

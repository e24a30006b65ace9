package v1alpha1

import "k8s.io/apimachinery/pkg/util/intstr"

// UpdateStrategy says how the pods are replaced when their template changes: the last
// first, each when what it hands over is held by others.
type UpdateStrategy struct {
	// Partition keeps the pods below it as they are: only those of this ordinal and
	// above are replaced, so that a new image is tried by a few first. 0 to 4096,
	// default 0: all are replaced.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4096
	// +optional
	Partition int32 `json:"partition,omitempty"`
	// MaxUnavailable is how many pods may be away at once: a number below
	// spec.ring.replicas, or a part of spec.replicas such as 10%, rounded down, which
	// counts for no more than that and no less than 1. Default 1. More than 1 needs
	// Kubernetes' feature gate MaxUnavailableStatefulSet, without which pods are
	// replaced one at a time.
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 1 : self.matches('^([1-9][0-9]?|100)%$')",message="spec.updateStrategy.maxUnavailable is a number from 1, or a percentage such as 10%"
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
}

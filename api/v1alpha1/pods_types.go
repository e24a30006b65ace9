package v1alpha1

import "k8s.io/apimachinery/pkg/util/intstr"

// InheritedMetadata is what every object of a cluster has beside its own labels
// and annotations, which win. The Secrets have what was set when they were made, and
// the Leases, by which proxies and operator say that they are alive, have none of it.
type InheritedMetadata struct {
	// Labels of every object, at most 64. The operator's own labels win, and those
	// of spec.service and spec.template. A change rolls the pods.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.inheritedMetadata.labels: a key is a name such as team or example.com/team"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of every object, at most 64. The operator's own annotations win,
	// and those of spec.service and spec.template. A change rolls the pods.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.inheritedMetadata.annotations: a key is a name such as note or example.com/note"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PodDisruptionBudget bounds evictions.
//
// +kubebuilder:validation:XValidation:rule="!has(self.enabled) || self.enabled || !has(self.maxUnavailable)",message="spec.podDisruptionBudget is not enabled and has maxUnavailable: remove one"
type PodDisruptionBudget struct {
	// MaxUnavailable is how many pods may be away for an eviction to be allowed: a
	// number, or a percentage such as 25%, rounded up. Default: 1. 0 lets nobody
	// drain a node that runs a proxy.
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 4096 : string(self).matches('^(100|[1-9]?[0-9])%$')",message="spec.podDisruptionBudget.maxUnavailable is a number from 0 to 4096, or a percentage such as 25%"
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	// Enabled makes the budget: default true. Without one any number of proxies may
	// be evicted at a time.
	// +kubebuilder:default=true
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}

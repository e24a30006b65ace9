package v1alpha1

import networkingv1 "k8s.io/api/networking/v1"

// NetworkPolicy says who may reach the proxies' pods, where the network of the
// Kubernetes cluster enforces policies. Open to everybody are the listeners, the
// health port, for the kubelets, and the ports that other containers of
// spec.template declare; to the pods of this cluster the peer port. Further
// NetworkPolicies may open more, such as a range of media ports.
type NetworkPolicy struct {
	// Enabled makes the policy: default true. Pods on the nodes' own network are
	// not covered by it.
	// +kubebuilder:default=true
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// MetricsFrom is who may reach the admin port, at most 16 of what a
	// NetworkPolicy takes in from. Default: every pod of the Kubernetes cluster.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	MetricsFrom []networkingv1.NetworkPolicyPeer `json:"metricsFrom,omitempty"`
}

// Package v1alpha1 is the API that sipring offers to a Kubernetes cluster: the
// SIPCluster resource, its defaults, its validation and its conditions, and
// nothing else.
//
// What cannot work is refused when it is applied, by bounds and CEL rules whose
// messages say how to mend it. What shows only at run time is a condition with
// one of the reasons named here.
//
// +kubebuilder:object:generate=true
// +groupName=sipring.io
package v1alpha1

package v1alpha1

import corev1 "k8s.io/api/core/v1"

// VolumeClaimTemplate is what the claim of each pod is made from, as
// volumeClaimTemplates of a StatefulSet have it.
type VolumeClaimTemplate struct {
	// Metadata of the claim, which is named NAME-CLUSTER-ORDINAL.
	// +required
	Metadata VolumeClaimMetadata `json:"metadata"`
	// Spec of the claim: accessModes, resources, storageClassName and so on (kubectl
	// explain persistentvolumeclaim.spec).
	// +required
	Spec corev1.PersistentVolumeClaimSpec `json:"spec"`
}

// VolumeClaimMetadata is the name of a volume, and what its claims have beside it.
type VolumeClaimMetadata struct {
	// Name of the volume, as volumeMounts in spec.template.spec name it: at most 63
	// characters, a to z, 0 to 9 and '-'.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="spec.volumeClaimTemplates: the name of a volume is lower-case letters, digits and '-'"
	// +required
	Name string `json:"name"`
	// Labels of the claims, at most 64.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the claims, at most 64.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// VolumeClaimRetention is what becomes of the claims.
type VolumeClaimRetention struct {
	// WhenDeleted is Retain (default: the claims stay when the SIPCluster is deleted) or
	// Delete.
	// +kubebuilder:default=Retain
	// +kubebuilder:validation:Enum=Retain;Delete
	// +optional
	WhenDeleted string `json:"whenDeleted,omitempty"`
	// WhenScaled is Retain (default: the claims stay when spec.replicas falls, for the pods
	// that come when it rises) or Delete.
	// +kubebuilder:default=Retain
	// +kubebuilder:validation:Enum=Retain;Delete
	// +optional
	WhenScaled string `json:"whenScaled,omitempty"`
}

// ReasonVolumeClaimsDiffer of ConditionDegraded: the StatefulSet that is there has other
// volumeClaimTemplates than spec, which no update can change.
const ReasonVolumeClaimsDiffer = "VolumeClaimsDiffer"

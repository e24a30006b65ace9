package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SIPClusterStatus is what the operator saw last.
type SIPClusterStatus struct {
	// Conditions: Available, Progressing and Degraded.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// ObservedGeneration is the generation of the spec that was last carried
	// out without an error.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Epoch of the published member set. It grows with every change of the set.
	// +optional
	Epoch int64 `json:"epoch,omitempty"`
	// RingSeed is what users are hashed under, in hexadecimal: drawn when the
	// cluster began, and the same for its life. Zeros where it began without one.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{32}$`
	// +optional
	RingSeed string `json:"ringSeed,omitempty"`
	// Address that stands for the cluster, as the proxies advertise it.
	// +kubebuilder:validation:MaxLength=300
	// +optional
	Address string `json:"address,omitempty"`
	// Replicas is the number of pods that exist.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// ReadyReplicas is the number of members in the ring.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas,omitempty"`
	// Active is the members in the ring of those asked for, such as 3/3.
	// +kubebuilder:validation:MaxLength=16
	// +optional
	Active string `json:"active,omitempty"`
	// Selector of the pods, for the scale subresource.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Selector string `json:"selector,omitempty"`
	// Members of the cluster by ordinal.
	// +kubebuilder:validation:MaxItems=4096
	// +listType=map
	// +listMapKey=name
	// +optional
	Members []MemberStatus `json:"members,omitempty"`
}

// MemberStatus is one proxy as the operator published it.
type MemberStatus struct {
	// Name of the pod.
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
	// Address of the pod.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Address string `json:"address,omitempty"`
	// Node it runs on.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Node string `json:"node,omitempty"`
	// Zone of the node.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Zone string `json:"zone,omitempty"`
	// State is joining (has an address, fetches what it will own), active (in
	// the ring), draining (leaves, hands over) or evicted (most of the others
	// do not reach it: out of the ring until they do).
	// +kubebuilder:validation:Enum=joining;active;draining;evicted
	// +required
	State MemberState `json:"state"`
	// Share is the part of the ring that this member is home for, such as 33.4%.
	// +kubebuilder:validation:MaxLength=8
	// +optional
	Share string `json:"share,omitempty"`
}

// MemberState is a member's state in the status.
type MemberState string

// The states of a member.
const (
	MemberJoining  MemberState = "joining"
	MemberActive   MemberState = "active"
	MemberDraining MemberState = "draining"
	MemberEvicted  MemberState = "evicted"
)

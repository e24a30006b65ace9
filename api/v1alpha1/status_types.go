package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SIPClusterStatus is what the operator saw last.
type SIPClusterStatus struct {
	// Conditions: Ready (the cluster is what the spec asks for), Available (phones
	// are served), Progressing and Degraded; and while it is not Ready either
	// Reconciling (it gets there by itself) or Stalled (somebody has to mend
	// something). ApplicationsReady is there with spec.localApp.
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the operator", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// ObservedGeneration is the generation of the spec that the operator saw last:
	// what the conditions are about.
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
	// Addresses of the cluster: first those that Via and Record-Route name, of the
	// first listener and the others, then what else the Service has.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	Addresses []Address `json:"addresses,omitempty"`
	// Listeners as they are.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	Listeners []ListenerStatus `json:"listeners,omitempty"`
	// Replicas is the number of pods that exist.
	// +optional
	Replicas int32 `json:"replicas"`
	// ActiveMembers is the number of members in the ring.
	// +optional
	ActiveMembers int32 `json:"activeMembers"`
	// TotalMembers is the number of members that were asked for.
	// +optional
	TotalMembers int32 `json:"totalMembers"`
	// Selector of the pods, for the scale subresource.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Selector string `json:"selector,omitempty"`
	// Keys is how far the rotation of the keys is that the proxies share. It is there
	// once one was asked for.
	// +optional
	Keys *KeysStatus `json:"keys,omitempty"`
	// Signer is the same of the keys that the operator signs member sets with.
	// +optional
	Signer *KeysStatus `json:"signer,omitempty"`
	// UnderReplicatedBindings is how many bindings have fewer copies than the lesser of
	// spec.ring.replicas and the members that are up: what one more loss could cost. It
	// is the sum of what the members in the ring reported last, some seconds late. Absent
	// while none of them reports.
	// +kubebuilder:validation:Minimum=0
	// +optional
	UnderReplicatedBindings *int64 `json:"underReplicatedBindings,omitempty"`
	// LastFailover is the newest loss of a member on which the other members agree, by
	// their reports, some seconds late. Absent until there is one.
	// +optional
	LastFailover *FailoverStatus `json:"lastFailover,omitempty"`
	// Members of the cluster by ordinal.
	// +kubebuilder:validation:MaxItems=4096
	// +listType=map
	// +listMapKey=name
	// +optional
	Members []MemberStatus `json:"members,omitempty"`
}

// FailoverStatus is the loss of a member that changed the ring, as the members that
// were left saw it.
type FailoverStatus struct {
	// Time at which the ring was without the member.
	// +required
	Time metav1.Time `json:"time"`
	// Member that was lost: the name of its pod.
	// +kubebuilder:validation:MaxLength=253
	// +required
	Member string `json:"member"`
	// Cause is ProcessEnded (nothing listens at its port any more), Unreachable (it
	// does not answer: it hangs, its node or the network is lost) or Moved (it is listed
	// at another address). Later versions may have more.
	// +kubebuilder:validation:MaxLength=32
	// +required
	Cause string `json:"cause"`
	// RehomedBindings is how many bindings got another home in its place.
	// +kubebuilder:validation:Minimum=0
	// +optional
	RehomedBindings int64 `json:"rehomedBindings"`
	// Milliseconds from the loss (the member was last heard of) to the
	// ring without it: the middle one of what the other members measured, of two the longer.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Milliseconds int64 `json:"milliseconds"`
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
	// SharePermille is the part of the ring that this member is home for, in
	// thousandths. None where it is not in the ring.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	SharePermille int32 `json:"sharePermille,omitempty"`
}

// Address is one under which the cluster is reached.
type Address struct {
	// Type is IPAddress or Hostname.
	// +kubebuilder:validation:Enum=IPAddress;Hostname
	// +required
	Type AddressType `json:"type"`
	// Value is the address or the name, without a port.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Value string `json:"value"`
}

// AddressType says what an address is.
type AddressType string

// The types of addresses.
const (
	// AddressIP is an IPv4 or IPv6 address.
	AddressIP AddressType = "IPAddress"
	// AddressHostname is a name to be looked up.
	AddressHostname AddressType = "Hostname"
)

// ListenerStatus is a listener of the spec as phones reach it.
type ListenerStatus struct {
	// Name as in the spec.
	// +kubebuilder:validation:MaxLength=15
	// +required
	Name string `json:"name"`
	// Protocol as in the spec.
	// +kubebuilder:validation:MaxLength=8
	// +optional
	Protocol string `json:"protocol,omitempty"`
	// Advertise is the host:port that Via and Record-Route name; empty while
	// there is none.
	// +kubebuilder:validation:MaxLength=300
	// +optional
	Advertise string `json:"advertise,omitempty"`
	// NodePort that the Service has for it, if any.
	// +optional
	NodePort int32 `json:"nodePort,omitempty"`
}

// MemberState is a member's state in the status.
type MemberState string

// The states of a member.
const (
	// MemberJoining has an address and fetches what it will own.
	MemberJoining MemberState = "joining"
	// MemberActive is in the ring.
	MemberActive MemberState = "active"
	// MemberDraining leaves, and hands over.
	MemberDraining MemberState = "draining"
	// MemberEvicted is not reached by most of the others, and out of the ring.
	MemberEvicted MemberState = "evicted"
)

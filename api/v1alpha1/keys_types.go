package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations of a SIPCluster about its keys.
const (
	// AnnotationRotateKeys asks for new keys: any value that is another one than that
	// of the last request, such as the date or what it is for. One request is one
	// rotation; it waits for one that is under way.
	AnnotationRotateKeys = "sipring.io/rotate-keys"
	// AnnotationRetireKeysNow names the request, by its value, whose old keys go as
	// soon as the new ones sign everywhere, whatever calls that costs.
	AnnotationRetireKeysNow = "sipring.io/retire-keys-now"
)

// KeysStatus is how far the rotation of keys is.
type KeysStatus struct {
	// Phase is Current (none is under way), Adding (the Secret has a new key, and
	// every proxy gets it), Promoting (the new key becomes the one that signs) or
	// Retiring (the new key signs everywhere, the old ones verify for a while, and
	// go).
	// +kubebuilder:validation:Enum=Current;Adding;Promoting;Retiring
	// +required
	Phase KeysPhase `json:"phase"`
	// Request is the one that is carried out, or was last: the value of the annotation
	// sipring.io/rotate-keys, or its digest where it is long.
	// +kubebuilder:validation:MaxLength=80
	// +optional
	Request string `json:"request,omitempty"`
	// Since is when the Secret got the keys that it has.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// RetireAt is when the old keys go.
	// +optional
	RetireAt *metav1.Time `json:"retireAt,omitempty"`
	// IDs of the keys in the Secret, as the proxies report them: that of the key that
	// signs first. They say nothing of what is secret.
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MaxLength=16
	// +listType=atomic
	// +optional
	IDs []string `json:"ids,omitempty"`
}

// KeysPhase is a phase of the rotation of keys.
type KeysPhase string

// ReasonKeyRotationStalled of ConditionDegraded: a rotation of keys waits for a proxy
// that does not get them, or has no room for another key.
const ReasonKeyRotationStalled = "KeyRotationStalled"

// Reasons of Events on a SIPCluster about its keys.
const (
	// EventKeyAdded: a Secret has a new key, which signs nothing yet.
	EventKeyAdded = "KeyAdded"
	// EventKeyPromoted: the new key is the one that signs.
	EventKeyPromoted = "KeyPromoted"
	// EventKeysRetired: the old keys are taken out of the Secret.
	EventKeysRetired = "KeysRetired"
	// EventKeysRotated: no proxy has the old keys any more.
	EventKeysRotated = "KeysRotated"
	// EventKeyRotationGivenUp: somebody took the new key out of the Secret.
	EventKeyRotationGivenUp = "KeyRotationGivenUp"
)

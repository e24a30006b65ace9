package v1alpha1

// Reasons of ConditionDegraded about who a cluster and its pods belong to.
const (
	// ReasonForeignPod: a pod has the name and the label of a member, and is not
	// of this SIPCluster's StatefulSet.
	ReasonForeignPod = "ForeignPod"
	// ReasonOtherOperator: another operator is told to carry out this SIPCluster
	// too.
	ReasonOtherOperator = "OtherOperator"
)

// EventTakenOver of a SIPCluster: this operator carries it out from now on, since
// the one that did is gone.
const EventTakenOver = "TakenOver"

package v1alpha1

// Reasons of Events on a SIPCluster about objects that were there before it.
const (
	// EventAdopted: an object with the cluster's labels that nobody owned is the
	// cluster's now.
	EventAdopted = "Adopted"
	// EventReplaced: the StatefulSet differs in a field that cannot be changed, and
	// is made anew; its pods stay.
	EventReplaced = "StatefulSetReplaced"
)

package v1alpha1

// ReasonNamespaceNotPrivileged of ConditionDegraded: with spec.network.mode SharedAddress
// the namespace needs the label pod-security.kubernetes.io/enforce: privileged, and has it
// not.
const ReasonNamespaceNotPrivileged = "NamespaceNotPrivileged"

// ConditionSourceTranslated is there, and True, while the proxies do not see the phones'
// own addresses. It is a warning: the cluster is Ready with it, and phones that one node
// stands for share limits, and are reached through that node alone.
const ConditionSourceTranslated = "SourceTranslated"

// Reasons of ConditionSourceTranslated.
const (
	// ReasonExternalTrafficPolicyCluster: the client Service has
	// externalTrafficPolicy Cluster.
	ReasonExternalTrafficPolicyCluster = "ExternalTrafficPolicyCluster"
	// ReasonNodeIsSource: many phones have registered from the address of a node.
	ReasonNodeIsSource = "NodeIsSource"
)

// EventSourceTranslated of a SIPCluster: its proxies do not see the phones' addresses from
// now on.
const EventSourceTranslated = "SourceTranslated"

package v1alpha1

// ReasonNamespaceNotPrivileged of ConditionDegraded: with spec.network.mode SharedAddress
// the namespace needs the label pod-security.kubernetes.io/enforce: privileged, and has it
// not.
const ReasonNamespaceNotPrivileged = "NamespaceNotPrivileged"

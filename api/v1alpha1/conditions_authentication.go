package v1alpha1

// ConditionAuthenticationOpen is there, and True, while whoever reaches a listener may
// register and call as anyone, of all domains or some. It is a warning: the cluster is
// Ready with it.
const ConditionAuthenticationOpen = "AuthenticationOpen"

// Reasons of ConditionAuthenticationOpen.
const (
	// ReasonOpen: spec.authentication says so.
	ReasonOpen = "Open"
	// ReasonDomainsOpen: spec.authentication says so of some domains.
	ReasonDomainsOpen = "DomainsOpen"
	// ReasonNoAuthentication: there is no spec.authentication, as in a SIPCluster from
	// before it was required.
	ReasonNoAuthentication = "NoAuthentication"
)

// ReasonCredentialsUnusable of ConditionDegraded: a Secret that spec.authentication
// names is missing, lacks a key or is empty, or is one of the cluster's own; or which
// Secrets it selects is not known, none is, or too many are.
const ReasonCredentialsUnusable = "CredentialsUnusable"

// ReasonCertificatesUnusable of ConditionDegraded: a Secret that tls in spec.listeners
// names is missing, lacks a key or cannot be used, or is one of the cluster's own.
const ReasonCertificatesUnusable = "CertificatesUnusable"

// EventAuthenticationOpen of a SIPCluster: it lets anybody register from now on.
const EventAuthenticationOpen = "AuthenticationOpen"

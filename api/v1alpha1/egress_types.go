package v1alpha1

// EgressRule is a prefix of addresses, and after it perhaps a port or a range of
// ports.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9.]+/[0-9]{1,2}(:[0-9]{1,5}(-[0-9]{1,5})?)?|[0-9A-Fa-f:]+/[0-9]{1,3}|[[][0-9A-Fa-f:]+/[0-9]{1,3}[]]:[0-9]{1,5}(-[0-9]{1,5})?)$')",message="spec.egress: a rule is a prefix, perhaps with ports, such as 192.0.2.0/24, 192.0.2.0/24:5060-5080, 2001:db8::/32 or [2001:db8::/32]:5060"
// +kubebuilder:validation:XValidation:rule="!self.matches('^[^/]*/[0-9]+') || (isCIDR(self.find('[0-9A-Fa-f:.]+/[0-9]+')) && cidr(self.find('[0-9A-Fa-f:.]+/[0-9]+')) == cidr(self.find('[0-9A-Fa-f:.]+/[0-9]+')).masked())",message="spec.egress: not a prefix, or one with bits set beyond its length: 192.0.2.0/24 and 192.0.2.7/32 are prefixes, 192.0.2.7/24 is none"
// +kubebuilder:validation:XValidation:rule="!self.matches('/[0-9]{1,3}[]]?:[0-9]{1,5}(-[0-9]{1,5})?$') || (self.split('/')[1].split(':')[1].split('-').all(p, int(p) >= 1 && int(p) <= 65535) && int(self.split('/')[1].split(':')[1].split('-')[0]) <= int(self.split('-')[self.split('-').size() - 1].split(':')[self.split('-')[self.split('-').size() - 1].split(':').size() - 1]))",message="spec.egress: ports are 1 to 65535, the lower one first"
type EgressRule string

// Egress says where the proxies may send requests: whoever registers or is in a
// call names the address. Never sent to are multicast, broadcast and unspecified
// addresses and the proxies' own ports for each other; not without a rule
// loopback, link-local and reserved addresses, and the cluster's own SIP
// addresses. Private addresses may be sent to: phones have them, and pods.
type Egress struct {
	// Contacts is Source (default) or Any. Source: a phone registers contacts at
	// the address that its REGISTER comes from, or behind a proxy that adds a Path
	// (RFC 3327), and others are answered 403; requests within a call go to where
	// the call came from or went to. Any: both go wherever the rules let them.
	// +kubebuilder:default=Source
	// +kubebuilder:validation:Enum=Source;Any
	// +optional
	Contacts string `json:"contacts,omitempty"`
	// Allow opens prefixes that are closed, at most 64: 192.0.2.0/24,
	// 192.0.2.0/24:5060-5080, [2001:db8::/32]:5060. The longest prefix counts, of
	// equally long ones that with ports, then that of deny.
	// +kubebuilder:validation:MaxItems=64
	// +listType=set
	// +optional
	Allow []EgressRule `json:"allow,omitempty"`
	// Deny closes prefixes, at most 64, such as the range of the Services.
	// +kubebuilder:validation:MaxItems=64
	// +listType=set
	// +optional
	Deny []EgressRule `json:"deny,omitempty"`
}

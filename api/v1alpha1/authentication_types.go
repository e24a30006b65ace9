package v1alpha1

// Authentication says who may register and who may call: exactly one of open and
// digest.
//
// +kubebuilder:validation:XValidation:rule="has(self.open) != has(self.digest)",message="spec.authentication: exactly one of open and digest: digest says where the users' passwords are, open: {} lets anybody register and call as anyone"
// +kubebuilder:validation:XValidation:rule="!has(self.open) || !(has(self.domains) || has(self.trusted) || has(self.outside) || has(self.assertIdentity) || has(self.calls))",message="spec.authentication: with open nobody is asked who they are: domains, trusted, outside, assertIdentity and calls need digest"
// +kubebuilder:validation:XValidation:rule="!has(self.domains) || self.domains.all(d, self.domains.exists_one(o, o.domain.lowerAscii() == d.domain.lowerAscii()))",message="spec.authentication.domains names a domain twice: case does not count"
// +kubebuilder:validation:XValidation:rule="!has(self.trusted) || !self.trusted.all(t, isCIDR(t.cidr)) || self.trusted.all(t, self.trusted.exists_one(o, cidr(o.cidr) == cidr(t.cidr)))",message="spec.authentication.trusted has one prefix twice, in two spellings"
type Authentication struct {
	// Open lets everybody register and call as whoever they say. That is for networks
	// that only trusted people reach, and tests.
	// +optional
	Open *Open `json:"open,omitempty"`
	// Digest has users asked for their passwords (RFC 3261 22).
	// +optional
	Digest *Digest `json:"digest,omitempty"`
	// Domains have rules of their own, at most one for each of spec.domains.
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=domain
	// +optional
	Domains []DomainAuthentication `json:"domains,omitempty"`
	// Trusted are sources that are never asked, such as a gateway or another proxy:
	// at most 64. The longest prefix counts. Whoever can forge such an address is
	// trusted too.
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=cidr
	// +optional
	Trusted []TrustedSource `json:"trusted,omitempty"`
	// Outside is what is done with calls to users here from whoever is neither a user
	// of a domain here nor trusted; domains may have it otherwise for their own. Reject, which is the default: they are answered 403. Challenge: 407,
	// so that a user whose From is of another domain gets in. Allow: they are let in.
	// +kubebuilder:validation:Enum=Reject;Challenge;Allow
	// +optional
	Outside string `json:"outside,omitempty"`
	// AssertIdentity has the caller that was authenticated named to the callee in
	// P-Asserted-Identity (RFC 3325). Default: false.
	// +optional
	AssertIdentity bool `json:"assertIdentity,omitempty"`
	// Calls bounds those of each user. Default: without bound.
	// +optional
	Calls *UserCalls `json:"calls,omitempty"`
}

// Open has no fields: it is written open: {}.
type Open struct{}

// Digest is how users are asked, and where what they answer is compared with is.
type Digest struct {
	// Credentials are where those of the users are kept: exactly one of secrets,
	// postgres and http.
	// +required
	Credentials Credentials `json:"credentials"`
	// Algorithms in the order in which they are offered (RFC 8760): SHA-256, MD5.
	// Default: both. MD5 is what most phones know, and some give up where SHA-256 is
	// offered beside it; a user needs a credential of one that is offered.
	// +kubebuilder:default={"SHA-256","MD5"}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:XValidation:rule="self.size() < 2 || self[0] != self[1]",message="spec.authentication.digest.algorithms names one twice"
	// +listType=atomic
	// +optional
	Algorithms []Algorithm `json:"algorithms,omitempty"`
	// NonceSeconds is how long a phone may go on with what it was asked once, before
	// it is asked anew: 30 to 3600 seconds, default 300.
	// +kubebuilder:default=300
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=3600
	// +optional
	NonceSeconds int32 `json:"nonceSeconds,omitempty"`
	// BindSource has an answer count from that address only that was asked. Phones
	// whose address changes are asked again. Default: false.
	// +optional
	BindSource bool `json:"bindSource,omitempty"`
}

// Algorithm is SHA-256 or MD5.
//
// +kubebuilder:validation:Enum=SHA-256;MD5
type Algorithm string

// DomainAuthentication is the rule of one domain: open, or else realm, outside or both.
//
// +kubebuilder:validation:XValidation:rule="has(self.open) != (has(self.realm) || has(self.outside))",message="spec.authentication.domains: either open, or realm and outside or one of them, for a domain; leave out a domain that has no rule of its own"
type DomainAuthentication struct {
	// Domain is one of spec.domains.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Domain string `json:"domain"`
	// Open lets everybody register and call as whoever of this domain.
	// +optional
	Open *Open `json:"open,omitempty"`
	// Realm is the one that the passwords of its users were hashed with. Default: the
	// domain.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[ !#-9;-\\\\[\\\\]-~]+$')",message="spec.authentication.domains: a realm is ASCII without quotes, backslashes and colons, such as example.com"
	// +optional
	Realm string `json:"realm,omitempty"`
	// Outside is, as spec.authentication.outside, what is done with calls from outside
	// to users of this domain: Reject, Challenge or Allow. Default:
	// spec.authentication.outside.
	// +kubebuilder:validation:Enum=Reject;Challenge;Allow
	// +optional
	Outside string `json:"outside,omitempty"`
}

// TrustedSource is a prefix of addresses that are not asked.
type TrustedSource struct {
	// CIDR is a prefix such as 192.0.2.0/24, or 192.0.2.7/32 for one address.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self) == cidr(self).masked()",message="spec.authentication.trusted holds prefixes such as 192.0.2.0/24 or 192.0.2.7/32, no bits beyond their length set"
	// +required
	CIDR string `json:"cidr"`
	// Identity is whom it may speak for. Outside, the default: whoever is not of a
	// domain here. Any: the users here too; its P-Asserted-Identity is believed.
	// +kubebuilder:default=Outside
	// +kubebuilder:validation:Enum=Outside;Any
	// +optional
	Identity string `json:"identity,omitempty"`
}

// UserCalls bound what one user may begin.
type UserCalls struct {
	// PerMinute is how many calls a user may begin in a minute at each proxy: 1 to
	// 100000. What is above is answered 480. Default: without bound.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	PerMinute int32 `json:"perMinute,omitempty"`
	// InSetup is how many calls of a user may be being set up at a time at each proxy,
	// which is until they are answered: 1 to 100000. What is above is answered 480.
	// Calls that are answered are not counted. Default: without bound.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	InSetup int32 `json:"inSetup,omitempty"`
}

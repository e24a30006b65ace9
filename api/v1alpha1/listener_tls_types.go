package v1alpha1

// Whether clients show certificates, as ListenerTLS.ClientAuth has it.
const (
	ClientAuthNone     = "None"
	ClientAuthOptional = "Optional"
	ClientAuthRequire  = "Require"
)

// ListenerTLS is TLS of a listener.
//
// +kubebuilder:validation:XValidation:rule="self.clientAuth == 'None' || has(self.clientCA)",message="spec.listeners.tls: clientAuth Optional and Require need clientCA: who signs the certificates of clients"
// +kubebuilder:validation:XValidation:rule="self.clientAuth != 'None' || !(has(self.clientCA) || has(self.clientNames))",message="spec.listeners.tls: clientCA and clientNames are of no use with clientAuth None: set Optional or Require, or remove them"
type ListenerTLS struct {
	// CertificateRefs name 1 to 16 Secrets of the SIPCluster's namespace, of type
	// kubernetes.io/tls as cert-manager makes them: a client gets the certificate for the
	// name that it asks for, the first if none is. One that is renewed is in use without a
	// restart; one that cannot be used leaves the last in use.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +required
	CertificateRefs []CertificateReference `json:"certificateRefs"`
	// MinVersion of TLS: 1.2 (default) or 1.3.
	// +kubebuilder:default="1.2"
	// +kubebuilder:validation:Enum="1.2";"1.3"
	// +optional
	MinVersion string `json:"minVersion,omitempty"`
	// ClientCA is who signs certificates of clients.
	// +optional
	ClientCA *ClientCA `json:"clientCA,omitempty"`
	// ClientAuth is None (default: no client is asked for a certificate), Optional (one
	// that is shown must be by clientCA) or Require.
	// +kubebuilder:default=None
	// +kubebuilder:validation:Enum=None;Optional;Require
	// +optional
	ClientAuth string `json:"clientAuth,omitempty"`
	// ClientNames are whom certificates of clients may be of, at most 16: domains, as RFC
	// 5922 7.1 has a certificate name one, or URIs that it has. Default: whomever clientCA
	// signs for.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	// +optional
	ClientNames []ClientName `json:"clientNames,omitempty"`
}

// CertificateReference names a Secret with a certificate and its key.
type CertificateReference struct {
	// Name of the Secret, in the SIPCluster's namespace, with tls.crt and tls.key.
	// +required
	Name SecretName `json:"name"`
}

// ClientCA is where the certificates are, as ca.crt, of who signs those of clients.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretName) != has(self.configMapName)",message="spec.listeners.tls.clientCA: exactly one of secretName and configMapName"
type ClientCA struct {
	// SecretName is the name of a Secret in the SIPCluster's namespace.
	// +optional
	SecretName SecretName `json:"secretName,omitempty"`
	// ConfigMapName is the name of a ConfigMap in the SIPCluster's namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="the name of a ConfigMap is lower-case letters, digits, '-' and '.', such as trunk-ca"
	// +optional
	ConfigMapName string `json:"configMapName,omitempty"`
}

// ClientName is a domain, or a URI, that a certificate may be of.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule="self.matches('^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?[.])*[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$') || (self.matches('^[A-Za-z][-+.A-Za-z0-9]*:(//)?[-+._~A-Za-z0-9]+(@[-.A-Za-z0-9]+)?(/[-._~A-Za-z0-9/]*)?$') && !self.matches(':[0-9]+$'))",message="spec.listeners.tls.clientNames holds domains such as trunk.example.net, no wildcards or ports, or URIs such as sip:trunk@example.net"
type ClientName string

// ListenerWebSocket is what a listener of WebSocket takes.
type ListenerWebSocket struct {
	// Path of the URL that clients ask for, such as /ws, by default / alone.
	// +kubebuilder:default="/"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[-._~A-Za-z0-9/]*$')",message="spec.listeners.webSocket.path is a path such as /ws: letters, digits, '-', '.', '_', '~' and '/'"
	// +optional
	Path string `json:"path,omitempty"`
	// Origins of the pages whose browsers may connect, at most 16, such as
	// https://phone.example.com. Default: any. What is no browser has none, and may.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=set
	// +optional
	Origins []Origin `json:"origins,omitempty"`
}

// Origin is that of a page, as browsers send it.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z][-+.a-z0-9]*://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?$')",message="spec.listeners.webSocket.origins holds scheme://host or scheme://host:port in lower case, such as https://phone.example.com: no path"
type Origin string

// ListenerProxyProtocol is who tells phones' addresses in PROXY headers.
type ListenerProxyProtocol struct {
	// TrustedCIDRs are 1 to 16 prefixes of load balancers such as 192.0.2.0/24, which begin
	// each connection with a PROXY header, version 1 or 2. From elsewhere none is taken.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(r, isCIDR(r) && cidr(r) == cidr(r).masked())",message="spec.listeners.proxyProtocol.trustedCIDRs holds prefixes such as 192.0.2.0/24, no bits beyond their length set"
	// +listType=set
	// +required
	TrustedCIDRs []string `json:"trustedCIDRs"`
}

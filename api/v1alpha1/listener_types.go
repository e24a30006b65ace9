package v1alpha1

// Protocols of listeners.
const (
	ProtocolUDP = "UDP"
	ProtocolTCP = "TCP"
	ProtocolTLS = "TLS"
	ProtocolWS  = "WS"
	ProtocolWSS = "WSS"
)

// Listener is a port at which the cluster receives SIP.
//
// +kubebuilder:validation:XValidation:rule="has(self.tls) || !(self.protocol in ['TLS', 'WSS'])",message="spec.listeners: protocol TLS and WSS need tls with a certificate: name its Secret in tls.certificateRefs"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || self.protocol in ['TLS', 'WSS']",message="spec.listeners: tls is for protocol TLS and WSS: remove it, or set one of these"
// +kubebuilder:validation:XValidation:rule="!has(self.webSocket) || self.protocol in ['WS', 'WSS']",message="spec.listeners: webSocket is for protocol WS and WSS: remove it, or set one of these"
// +kubebuilder:validation:XValidation:rule="!has(self.udpFlows) || self.protocol == 'UDP'",message="spec.listeners: udpFlows is for protocol UDP: remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.proxyProtocol) || self.protocol != 'UDP'",message="spec.listeners: proxyProtocol is for what TCP carries, not for protocol UDP: remove it"
type Listener struct {
	// Name of the listener, and of its port in the Service and the pods: at most
	// 15 characters, a to z, 0 to 9 and '-', beginning with a letter.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=15
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z][a-z0-9]*(-[a-z0-9]+)*$')",message="spec.listeners: a name names a port of the Service too: use lower-case letters, digits and '-', beginning with a letter"
	// +kubebuilder:validation:XValidation:rule="!(self in ['peer', 'health', 'admin'])",message="spec.listeners: the names peer, health and admin are those of spec.ports: use another"
	// +required
	Name string `json:"name"`
	// Protocol is UDP, TCP, TLS, WS (WebSocket, RFC 7118) or WSS (WebSocket over TLS).
	// +kubebuilder:validation:Enum=UDP;TCP;TLS;WS;WSS
	// +required
	Protocol string `json:"protocol"`
	// Port of the Service and of the pods: 1 to 65535, default 5060 (UDP and TCP), 5061
	// (TLS), 8080 (WS) or 8443 (WSS). One of UDP may be that of another listener too.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// NodePort, 1 to 65535, is the port at which nodes pass traffic on to the
	// Service, whose type must be NodePort or LoadBalancer. It must lie in the
	// API server's range, usually 30000 to 32767. Default: Kubernetes chooses
	// one of these.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	NodePort *int32 `json:"nodePort,omitempty"`
	// Advertise is the host or host:port that Via and Record-Route name, such as
	// sip.example.com or 203.0.113.5:5060: what leads phones to this listener.
	// Default: the load balancer's address, else the Service's cluster IP; where the
	// Service has both families, those of each. Without a port: that of the
	// listener. A change of it rolls nothing.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=259
	// +kubebuilder:validation:XValidation:rule="self.matches('^(([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?[.])*[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?|\\\\[[0-9A-Fa-f:.]+\\\\])(:[0-9]{1,5})?$')",message="advertise in spec.listeners is a host or host:port such as sip.example.com, 203.0.113.5:5060 or [2001:db8::1]:5060"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([^:]*[.])?[0-9]+(:[0-9]+)?$') || (isIP(self.find('^[^:]+')) && !ip(self.find('^[^:]+')).isUnspecified())",message="advertise in spec.listeners: a host that ends in a number must be the IPv4 address that phones use, such as 203.0.113.5"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('[') || (isIP(self.find('[0-9A-Fa-f:.]+')) && ip(self.find('[0-9A-Fa-f:.]+')).family() == 6 && !ip(self.find('[0-9A-Fa-f:.]+')).isUnspecified())",message="advertise in spec.listeners: between brackets must be the IPv6 address that phones use, such as [2001:db8::1]"
	// +kubebuilder:validation:XValidation:rule="!self.matches(':[0-9]{1,5}$') || (int(self.split(':')[self.split(':').size() - 1]) >= 1 && int(self.split(':')[self.split(':').size() - 1]) <= 65535)",message="advertise in spec.listeners: the port after ':' must be 1 to 65535"
	// +optional
	Advertise *string `json:"advertise,omitempty"`
	// TLS is how a listener of protocol TLS or WSS, which need it, proves who it is.
	// +optional
	TLS *ListenerTLS `json:"tls,omitempty"`
	// WebSocket is what a listener of protocol WS or WSS takes.
	// +optional
	WebSocket *ListenerWebSocket `json:"webSocket,omitempty"`
	// UDPFlows says through which pods phones at a listener of protocol UDP are reached. Auto,
	// the default: a phone behind NAT through the one that its packets come to, whose
	// translation lets nobody else in, any other through all; where the pods send from an
	// address that they share, as Any. Owned: every phone through the one that its packets
	// come to. Any: every phone through all.
	// +kubebuilder:validation:Enum=Auto;Owned;Any
	// +optional
	UDPFlows string `json:"udpFlows,omitempty"`
	// ProxyProtocol is for a load balancer before the listener that tells the phones'
	// addresses in a PROXY header. Not for protocol UDP.
	// +optional
	ProxyProtocol *ListenerProxyProtocol `json:"proxyProtocol,omitempty"`
}

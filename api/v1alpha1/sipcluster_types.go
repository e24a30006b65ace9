package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SIPCluster is a cluster of SIP proxies that behaves, from outside, like one
// SIP proxy and registrar that does not die.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=sipclusters,singular=sipcluster,shortName=sipc,categories=all
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="the cluster is what the spec asks for, and serves"
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].status`,priority=1,description="phones are served"
// +kubebuilder:printcolumn:name="Active",type=integer,JSONPath=`.status.activeMembers`,description="members in the ring"
// +kubebuilder:printcolumn:name="Total",type=integer,JSONPath=`.status.totalMembers`,description="members asked for"
// +kubebuilder:printcolumn:name="Epoch",type=integer,JSONPath=`.status.epoch`
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.status.addresses[0].value`,priority=1
// +kubebuilder:printcolumn:name="Applications",type=string,JSONPath=`.status.conditions[?(@.type=="ApplicationsReady")].status`,priority=1,description="the applications beside the proxies serve; empty without spec.localApp"
// +kubebuilder:printcolumn:name="Failover",type=date,JSONPath=`.status.lastFailover.time`,priority=1,description="how long ago the last member was lost"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="why it is, or is not, ready"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name names a Service too: use lower-case letters, digits and '-', beginning with a letter"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 50",message="metadata.name must have at most 50 characters, because the names of pods and their labels are made from it"
type SIPCluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is wanted.
	// +required
	Spec SIPClusterSpec `json:"spec"`
	// Status is what was seen last.
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the operator", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	// +optional
	Status SIPClusterStatus `json:"status,omitempty"`
}

// SIPClusterList is a list of SIPClusters.
//
// +kubebuilder:object:root=true
type SIPClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SIPCluster `json:"items"`
}

// SIPClusterSpec is what a user asks for.
//
// +kubebuilder:validation:XValidation:rule="self.listeners.all(l, l.protocol == 'UDP' || !((has(l.port) ? l.port : l.protocol == 'TLS' ? 5061 : l.protocol == 'WS' ? 8080 : l.protocol == 'WSS' ? 8443 : 5060) in [self.ports.peer, self.ports.health, self.ports.admin]))",message="a port of spec.listeners is also one of spec.ports (peer, health, admin), which are of TCP: give each its own (spec.ports has the defaults 7947, 7948 and 9090)"
// +kubebuilder:validation:XValidation:rule="self.listeners.all(l, self.listeners.exists_one(m, (has(m.port) ? m.port : m.protocol == 'TLS' ? 5061 : m.protocol == 'WS' ? 8080 : m.protocol == 'WSS' ? 8443 : 5060) == (has(l.port) ? l.port : l.protocol == 'TLS' ? 5061 : l.protocol == 'WS' ? 8080 : l.protocol == 'WSS' ? 8443 : 5060) && (m.protocol == 'UDP') == (l.protocol == 'UDP')))",message="spec.listeners: two listeners have one port: give each its own. One of UDP may have that of another protocol; TCP, TLS, WS and WSS are all carried by TCP"
// +kubebuilder:validation:XValidation:rule="self.listeners.all(l, !has(l.nodePort) || self.listeners.exists_one(m, has(m.nodePort) && m.nodePort == l.nodePort && (m.protocol == 'UDP') == (l.protocol == 'UDP')))",message="spec.listeners: two listeners have one nodePort: give each its own, or leave it out"
// +kubebuilder:validation:XValidation:rule="self.service.type != 'ClusterIP' || self.listeners.all(l, !has(l.nodePort))",message="nodePort in spec.listeners needs spec.service.type NodePort or LoadBalancer: set the type, or remove nodePort"
// +kubebuilder:validation:XValidation:rule="self.service.type != 'NodePort' || self.listeners.all(l, has(l.advertise))",message="spec.service.type NodePort needs advertise in spec.listeners: the host:port that phones use, since no node's address stands for the cluster"
// +kubebuilder:validation:XValidation:rule="!has(self.updateStrategy.maxUnavailable) || type(self.updateStrategy.maxUnavailable) != int || self.updateStrategy.maxUnavailable <= 1 || self.updateStrategy.maxUnavailable < self.ring.replicas",message="spec.updateStrategy.maxUnavailable must be below spec.ring.replicas (default 2), or 1: all copies of a registration could be away at once"
// +kubebuilder:validation:XValidation:rule="has(self.authentication) || (oldSelf.hasValue() && !has(oldSelf.value().authentication))",optionalOldSelf=true,message="spec.authentication is required: digest says where the users' passwords are, open: {} lets anybody register and call as anyone"
// +kubebuilder:validation:XValidation:rule="!has(self.authentication) || !has(self.authentication.domains) || self.authentication.domains.all(a, self.domains.exists(d, d.lowerAscii() == a.domain.lowerAscii()))",message="spec.authentication.domains names a domain that is none of spec.domains"
// +kubebuilder:validation:XValidation:rule="!has(self.localApp) || (has(self.template) && has(self.template.spec))",message="spec.localApp needs the application: put its container into spec.template.spec.containers"
// +kubebuilder:validation:XValidation:rule="!has(self.localApp) || !self.listeners.exists(l, (l.protocol == 'UDP') == (self.localApp.protocol == 'UDP') && (has(l.port) ? l.port : l.protocol == 'TLS' ? 5061 : l.protocol == 'WS' ? 8080 : l.protocol == 'WSS' ? 8443 : 5060) == self.localApp.port)",message="spec.localApp.port is also one of spec.listeners, at which the proxy listens in the same pod: give the application one of its own"
// +kubebuilder:validation:XValidation:rule="!has(self.localApp) || self.localApp.protocol == 'UDP' || !(self.localApp.port in [self.ports.peer, self.ports.health, self.ports.admin])",message="spec.localApp.port is also one of spec.ports (peer, health, admin; defaults 7947, 7948 and 9090), at which the proxy listens in the same pod: give the application one of its own"
// +kubebuilder:validation:XValidation:rule="!has(self.localApp) || !has(self.localApp.domains) || self.localApp.domains.all(a, self.domains.exists(d, d.lowerAscii() == a.lowerAscii()))",message="spec.localApp.domains names a domain that is none of spec.domains"
// +kubebuilder:validation:XValidation:rule="has(self.volumeClaimTemplates) == has(oldSelf.volumeClaimTemplates) && (!has(self.volumeClaimTemplates) || self.volumeClaimTemplates == oldSelf.volumeClaimTemplates)",message="spec.volumeClaimTemplates cannot change, come or go, as those of a StatefulSet cannot: create a new SIPCluster, or enlarge the PersistentVolumeClaims themselves"
// +kubebuilder:validation:XValidation:rule="self.network.mode == oldSelf.network.mode || ((has(self.replicas) ? self.replicas : 3) == 0 && (has(oldSelf.replicas) ? oldSelf.replicas : 3) == 0)",message="spec.network.mode can change at spec.replicas 0 only: pods of the two kinds are not reached in the same way; scale to 0 first, or create a new SIPCluster"
// +kubebuilder:validation:XValidation:rule="self.network.mode != 'SharedAddress' || self.service.type == 'LoadBalancer' || (self.service.type == 'ClusterIP' && has(self.network.addresses))",message="spec.network.mode SharedAddress needs spec.service.type LoadBalancer, or ClusterIP with the address that something else brings to the nodes in spec.network.addresses"
// +kubebuilder:validation:XValidation:rule="self.network.mode != 'SharedAddress' || !has(self.service.externalTrafficPolicy) || self.service.externalTrafficPolicy == 'Local'",message="spec.network.mode SharedAddress needs spec.service.externalTrafficPolicy Local: a node without a proxy does not hold the address; set it, or remove it"
// +kubebuilder:validation:XValidation:rule="self.network.mode != 'SharedAddress' || !has(self.service.protocolPolicy) || self.service.protocolPolicy == 'Mixed'",message="spec.network.mode SharedAddress has one address for all listeners: set spec.service.protocolPolicy Mixed"
// +kubebuilder:validation:XValidation:rule="self.network.mode != 'SharedAddress' || !has(self.localApp)",message="spec.localApp needs spec.network.mode Service: with SharedAddress whatever runs on the node would be taken for the application"
// +kubebuilder:validation:XValidation:rule="self.network.mode != 'SharedAddress' || self.listeners.all(l, !has(l.nodePort))",message="nodePort in spec.listeners has no meaning with spec.network.mode SharedAddress, where no Service translates: remove it"
type SIPClusterSpec struct {
	// Replicas is the number of proxies: 0 to 4096, default 3. 0 stops the
	// cluster. Below 3 a member that the network cuts off stays in the traffic
	// until its node is known to be lost, as no majority of others can tell.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4096
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Paused has the operator change nothing of this cluster but what a failover
	// needs: who is a member, where phones are sent, whose word the proxies believe,
	// and the status. What else of the spec has changed, and a newer operator's own
	// changes, wait until it is false again. Pods that are being replaced already
	// still are.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// UpdateStrategy says how pods are replaced when their template changes.
	// +kubebuilder:default={partition: 0}
	// +optional
	UpdateStrategy UpdateStrategy `json:"updateStrategy,omitempty"`

	// Image of the proxy, such as ghcr.io/sipring/sipring:v0.1.0. Default: the
	// image that the operator was installed with.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^[A-Za-z0-9][A-Za-z0-9._:/@-]*$')",message="spec.image is not an image reference such as ghcr.io/sipring/sipring:v0.1.0"
	// +optional
	Image string `json:"image,omitempty"`

	// Domains are the host parts of the addresses-of-record served here, such
	// as example.com: 1 to 64 of them. A request for another domain is answered
	// 404.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +listType=set
	// +required
	Domains []Domain `json:"domains"`

	// Aliases are further names and addresses under which phones and proxies
	// reach the cluster, each a host or host:port: 64 at most. A Route that
	// names one, as an outbound proxy's setting makes it, is the cluster's own;
	// one that names a stranger is answered 403. Not needed here: domains, the
	// advertised address and the pods' addresses.
	// +kubebuilder:validation:MaxItems=64
	// +listType=set
	// +optional
	Aliases []Alias `json:"aliases,omitempty"`

	// Authentication says who may register and who may call. It is required: nobody
	// is open by omission. A SIPCluster from before it was goes on without, open, and
	// says so in its condition AuthenticationOpen; once it has one, one must stay. A
	// change rolls the pods one at a time.
	// +optional
	Authentication *Authentication `json:"authentication,omitempty"`

	// Listeners are the ports at which phones and trunks reach the cluster, at
	// the Service as in the pods: 1 to 8 by name. A phone is reached from the one
	// at which it registers. Default: one named udp, of protocol UDP at port 5060.
	// Ports and listeners may change: it rolls the pods one at a time. Add new ones
	// behind those that are there: the first stands for the cluster where a phone
	// has used none.
	// +kubebuilder:default={{name: "udp", protocol: "UDP", port: 5060}}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Listeners []Listener `json:"listeners,omitempty"`

	// Ports are the proxies' own ports, never exposed by the client Service.
	// Others than the defaults are of use with hostNetwork, where they are the
	// nodes'.
	// +kubebuilder:default={peer: 7947, health: 7948, admin: 9090}
	// +optional
	Ports Ports `json:"ports,omitempty"`

	// Service is the template of the Service by which phones reach the cluster.
	// It is named like the SIPCluster.
	// +kubebuilder:default={type: "ClusterIP"}
	// +optional
	Service ServiceTemplate `json:"service,omitempty"`

	// Network is how packets come to the proxies, and where theirs come from.
	// +kubebuilder:default={mode: "Service"}
	// +optional
	Network Network `json:"network,omitempty"`

	// Ring holds the parameters of the hash ring.
	// +kubebuilder:default={partitions: 16384, replicas: 2}
	// +optional
	Ring Ring `json:"ring,omitempty"`

	// Registrar bounds registrations.
	// +kubebuilder:default={minExpiresSeconds: 60, maxExpiresSeconds: 3600, maxContacts: 10}
	// +optional
	Registrar Registrar `json:"registrar,omitempty"`

	// Egress says where the proxies may send requests.
	// +kubebuilder:default={contacts: "Source"}
	// +optional
	Egress Egress `json:"egress,omitempty"`

	// Limits bound what one source may cause.
	// +kubebuilder:default={newPerSecond: 500, messagesPerSecond: 20000, connections: {total: 20000, perSource: 2000, newPerSecond: 100}}
	// +optional
	Limits Limits `json:"limits,omitempty"`

	// NetworkPolicy says who may reach the pods.
	// +kubebuilder:default={enabled: true}
	// +optional
	NetworkPolicy NetworkPolicy `json:"networkPolicy,omitempty"`

	// TokenHours is how long what a proxy writes into Record-Route leads through
	// it: 1 to 8760 hours, default 24. Then a call can still be hung up, and
	// whatever else is sent in it is answered 481, on which phones end calls and
	// renew subscriptions.
	// +kubebuilder:default=24
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8760
	// +optional
	TokenHours int32 `json:"tokenHours,omitempty"`

	// Template overrides the pods' template, merged onto what the operator
	// builds as `kubectl patch --type=strategic` would. The proxy's container
	// is named proxy, and is an init container with spec.localApp; other containers
	// run beside it. A change rolls the pods one at a time.
	// +optional
	Template *PodTemplate `json:"template,omitempty"`

	// LocalApp is an application beside each proxy, in its pod, that takes calls: a PBX, a
	// conference or voicemail server. Its container stands in spec.template.spec.containers,
	// and the proxy is a native sidecar then: an init container named proxy that goes on
	// running. A change rolls the pods one at a time.
	// +optional
	LocalApp *LocalApp `json:"localApp,omitempty"`

	// VolumeClaimTemplates are volumes that each pod has of its own and finds again, as for
	// a voicemail server: 1 to 8 of them, which containers in spec.template.spec mount by
	// their names. They cannot change, come or go.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(v, self.exists_one(w, w.metadata.name == v.metadata.name))",message="spec.volumeClaimTemplates: two have one name"
	// +listType=atomic
	// +optional
	VolumeClaimTemplates []VolumeClaimTemplate `json:"volumeClaimTemplates,omitempty"`

	// PersistentVolumeClaimRetentionPolicy is what becomes of the claims of
	// spec.volumeClaimTemplates when pods go for good. Default: they stay.
	// +optional
	PersistentVolumeClaimRetentionPolicy *VolumeClaimRetention `json:"persistentVolumeClaimRetentionPolicy,omitempty"`

	// InheritedMetadata is given to every object that the cluster is made of, save the
	// Leases: the proxies make theirs themselves, and so does the operator its claim.
	// +optional
	InheritedMetadata *InheritedMetadata `json:"inheritedMetadata,omitempty"`

	// PodDisruptionBudget bounds how many proxies are evicted at a time, as when
	// nodes are drained. Default: one.
	// +kubebuilder:default={enabled: true}
	// +optional
	PodDisruptionBudget PodDisruptionBudget `json:"podDisruptionBudget,omitempty"`

	// TopologySpreadConstraints of the pods, at most 8, in place of the default:
	// over nodes and zones, with maxSkew 1, as far as possible. One without a
	// labelSelector counts the cluster's own pods. A change rolls the pods.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=topologyKey
	// +listMapKey=whenUnsatisfiable
	// +optional
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// PriorityClassName of the pods: the PriorityClass by which they are scheduled
	// before others and kept longer. Default: none. A change rolls the pods.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// RevisionHistoryLimit is how many former revisions of the StatefulSet are kept
	// to go back to: 0 to 100, default 5.
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// DrainSeconds is how long a proxy that is asked to go hands over and
	// finishes what it began, at most: 0 to 3600 seconds, default 30. 0: it
	// exits at once, and what it alone had begun is lost. The kubelet kills it
	// 10 seconds later.
	// +kubebuilder:default=30
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	// +optional
	DrainSeconds *int32 `json:"drainSeconds,omitempty"`

	// MaxRingSeconds is how long a call may ring: 1 to 86400 seconds, default 600.
	// Then the phones that ring are cancelled and the caller is answered 408. What
	// is played before the answer, such as the music of a queue, counts as ringing.
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	// +optional
	MaxRingSeconds int32 `json:"maxRingSeconds,omitempty"`

	// LogLevel of the proxies: debug, info (default), warn or error.
	// +kubebuilder:default=info
	// +kubebuilder:validation:Enum=debug;info;warn;error
	// +optional
	LogLevel string `json:"logLevel,omitempty"`
}

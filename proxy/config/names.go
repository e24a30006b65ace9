package config

// Names that operator and proxies have to agree on.
const (
	// LabelCluster holds the SIPCluster's name on every object of it. The
	// operator watches nothing without it.
	LabelCluster = "sipring.io/cluster"
	// AnnotationSuspects of a proxy's Lease holds the names of the members that
	// the proxy does not reach, sorted, separated by commas; empty where it
	// reaches all.
	AnnotationSuspects = "sipring.io/suspects"
	// AnnotationEnded of a proxy's Lease holds those of the suspects at whose ports
	// nothing listens any more, likewise; absent where there are none, and from a proxy
	// that is too old to tell.
	AnnotationEnded = "sipring.io/ended"
	// AnnotationServing of a proxy's Lease holds the Word of the proxy on itself.
	AnnotationServing = "sipring.io/serving"
	// AnnotationEpoch of a proxy's Lease holds the epoch of the member set that the
	// proxy has in force, in decimal digits. It may be some seconds old.
	AnnotationEpoch = "sipring.io/epoch"
	// AnnotationSeed of a proxy's Lease holds the seed of the ring of that set, as in
	// the set; absent where it has none.
	AnnotationSeed = "sipring.io/ring-seed"
	// AnnotationKeys of a proxy's Lease holds the names of the cluster's keys that
	// the proxy has in force, that of the one that signs first, separated by commas.
	AnnotationKeys = "sipring.io/keys"
	// AnnotationTrust of a proxy's Lease holds the names of the keys whose member sets
	// the proxy believes, in the order of its file; absent where it believes all.
	AnnotationTrust = "sipring.io/trust"
	// AnnotationReport of a proxy's Lease holds its Report, as JSON. It may be some
	// seconds old. Absent before the proxy is in a member set, and from one that is
	// too old to report.
	AnnotationReport = "sipring.io/report"
)

// ControlSocketPath is where the operator has the control socket of a pod's proxy, in
// a directory of its own, and where who asks looks for it.
const ControlSocketPath = ControlSocketDirectory + "/control.sock"

// ControlSocketDirectory is what is mounted for it.
const ControlSocketDirectory = "/run/sipring"

// Names of a proxy's files. Those but the configuration's are also keys of the
// data of the ConfigMaps and the Secret. SignerKey is the operator's own: no pod
// has that file.
const (
	ConfigKey  = "config.yaml"
	MembersKey = "members.json"
	KeysKey    = "keys.json"
	TrustKey   = "trust.json"
	SignerKey  = "signer.json"
)

package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Default ports and registrar limits. Seconds where a duration is meant.
const (
	DefaultSIPPort         = 5060
	DefaultSIPSPort        = 5061
	DefaultWSPort          = 8080
	DefaultWSSPort         = 8443
	DefaultPeerPort        = 7947
	DefaultHealthPort      = 7948
	DefaultAdminPort       = 9090
	DefaultMinExpires      = 60
	DefaultMaxExpires      = 3600
	DefaultDefaultExpires  = 3600
	DefaultMaxContacts     = 10
	DefaultDrainSeconds    = 30
	DefaultMaxTransactions = 200_000
	DefaultMaxRingSeconds  = 600
	DefaultTokenHours      = 24
)

// MaxAliases is the most aliases of a cluster.
const MaxAliases = 64

// MaxSocketPath is the longest path of a Unix socket, in bytes (unix(7)).
const MaxSocketPath = 107

// MaxTokenHours is the longest life of a Record-Route token: a year.
const MaxTokenHours = 8760

// Config is the configuration of one proxy, equal on every pod of a cluster.
// It is read from YAML or JSON with ParseConfig.
type Config struct {
	// Cluster is the name of the cluster, 1 to 63 characters. It separates
	// clusters that share a network: peers of another name are refused.
	Cluster string `json:"cluster"`
	// Domains are the host parts of the addresses-of-record served here,
	// compared without case. A request for any other domain is answered 404.
	Domains []string `json:"domains"`
	// Advertise is the host or host:port that Via and Record-Route name: the
	// address of the cluster, never of one pod. A member set may override it.
	Advertise string `json:"advertise,omitempty"`
	// Aliases are further hosts, or host:port, under which the cluster is
	// reached, at most 64: a Route that names one is the proxy's own (RFC 3261
	// 16.4). Without a port: at the SIP port, the advertised one and 5060. The
	// advertised address, the members' addresses and Domains need not be here.
	Aliases []string `json:"aliases,omitempty"`
	// Listeners are the ports at which SIP is received, at most 8. Default: one of UDP
	// at ports.sip.
	Listeners []Listener `json:"listeners,omitempty"`
	// SharedAddresses are those of the cluster that every member's host holds: one, or
	// one of each family. SIP is received and sent at them then, in place of the
	// member's own address.
	SharedAddresses []string `json:"sharedAddresses,omitempty"`
	// Ports of the proxy; equal on every member.
	Ports Ports `json:"ports,omitempty"`
	// Registrar bounds what a REGISTER may ask for.
	Registrar Registrar `json:"registrar,omitempty"`
	// Egress says where requests may be sent.
	Egress Egress `json:"egress,omitempty"`
	// Limits bound what one source may cause.
	Limits Limits `json:"limits,omitempty"`
	// Authentication says who may register and call; nil lets everybody in.
	Authentication *Authentication `json:"authentication,omitempty"`
	// LocalApp is the application in each proxy's pod that takes calls; nil: there is none.
	LocalApp *LocalApp `json:"localApp,omitempty"`
	// TokenHours is how long what the proxy writes into Record-Route leads through
	// it, 1 to 8760. Then requests of that dialog are answered 481, but for the
	// BYE that ends it. Default 24.
	TokenHours int `json:"tokenHours,omitempty"`
	// LogLevel is debug, info, warn or error. Default info.
	LogLevel string `json:"logLevel,omitempty"`
	// DrainSeconds is how long a stopping proxy hands over and finishes what
	// it began before it exits, at most: 0 exits at once. Default 30.
	DrainSeconds *int `json:"drainSeconds,omitempty"`
	// MaxTransactions bounds the transactions held at once, and the messages they
	// hold to 4 KiB for each; above either new requests are answered 503. Default
	// 200000.
	MaxTransactions int `json:"maxTransactions,omitempty"`
	// MaxRingSeconds is how long a call may ring, from the first provisional response
	// other than 100: 1 to 86400. Then its branches are cancelled and the caller gets
	// 408. Default 600.
	MaxRingSeconds int `json:"maxRingSeconds,omitempty"`
	// UDPLoops is the number of UDP sockets and read loops. 0 means one a core.
	UDPLoops int `json:"udpLoops,omitempty"`
	// Profiling serves /debug/pprof on the admin port.
	Profiling bool `json:"profiling,omitempty"`
	// ControlSocket is the path of the Unix socket at which the proxy tells, and
	// changes, what is registered: for its own user and root. Empty for none.
	ControlSocket string `json:"controlSocket,omitempty"`

	// Unknown are the fields that ParseConfig found and this version does not know,
	// as paths such as registrar.maxAge, sorted: misspelt, or of a later version.
	Unknown []string `json:"-"`
}

// Ports of a proxy. 0 takes the default.
type Ports struct {
	// SIP is the port phones and trunks use, that of the first listener: of UDP, where
	// none is given. Default: DefaultPort.
	SIP int `json:"sip,omitempty"`
	// Peer is the TCP port of the peer streams. Default 7947.
	Peer int `json:"peer,omitempty"`
	// Health is the HTTP port of liveness and readiness. Default 7948.
	Health int `json:"health,omitempty"`
	// Admin is the HTTP port of metrics, status and events. Default 9090.
	Admin int `json:"admin,omitempty"`
}

// Registrar bounds registrations (RFC 3261 10.3). Seconds.
type Registrar struct {
	// MinExpires: a shorter request is answered 423 with Min-Expires.
	MinExpires int `json:"minExpires,omitempty"`
	// MaxExpires: a longer request is granted this.
	MaxExpires int `json:"maxExpires,omitempty"`
	// DefaultExpires is granted where the request names none.
	DefaultExpires int `json:"defaultExpires,omitempty"`
	// MaxContacts is the most bindings one address-of-record may hold: 1 to 60, as
	// a request with the default Max-Breadth (RFC 5393 5.3.3) reaches no more. The
	// oldest make room for another.
	MaxContacts int `json:"maxContacts,omitempty"`
}

// ParseConfig reads YAML or JSON, applies the defaults and validates. A field that
// is not known is no error but in Config.Unknown: an operator hands a proxy of the
// minor version before it what the proxy does not know yet. What is known has to be
// right: a wrong type, a value out of range, a field given twice are errors. So a
// later version adds fields, and writes no value into an older one that the version
// before refuses, unless a person asked for it.
func ParseConfig(b []byte) (*Config, error) {
	document, c := map[string]any{}, &Config{}
	if err := yaml.UnmarshalStrict(b, &document); err != nil { // which refuses a key given twice
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	if err := yaml.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	var err error
	if c.Unknown, err = unknownFields(document, reflect.TypeFor[Config](), ""); err != nil {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	c.ApplyDefaults()
	if err := c.Validate(); err != nil && len(c.Unknown) > 0 {
		return nil, fmt.Errorf("%w; not known: %s", err, strings.Join(c.Unknown, ", "))
	} else if err != nil {
		return nil, err
	}
	return c, nil
}

// ApplyDefaults fills every field that is absent: zero, or nil where zero means
// something.
func (c *Config) ApplyDefaults() {
	c.applyListenerDefaults()
	setDefault(&c.Ports.SIP, DefaultSIPPort)
	setDefault(&c.Ports.Peer, DefaultPeerPort)
	setDefault(&c.Ports.Health, DefaultHealthPort)
	setDefault(&c.Ports.Admin, DefaultAdminPort)
	setDefault(&c.Registrar.MinExpires, DefaultMinExpires)
	setDefault(&c.Registrar.MaxExpires, DefaultMaxExpires)
	setDefault(&c.Registrar.DefaultExpires, min(DefaultDefaultExpires, c.Registrar.MaxExpires))
	setDefault(&c.Registrar.MaxContacts, DefaultMaxContacts)
	if c.DrainSeconds == nil {
		c.DrainSeconds = new(DefaultDrainSeconds)
	}
	setDefault(&c.MaxTransactions, DefaultMaxTransactions)
	setDefault(&c.MaxRingSeconds, DefaultMaxRingSeconds)
	setDefault(&c.TokenHours, DefaultTokenHours)
	setDefault(&c.Limits.NewPerSecond, DefaultNewPerSecond)
	setDefault(&c.Limits.MessagesPerSecond, DefaultMessagesPerSecond)
	c.Limits.Connections.dropDefaults()
	if c.Egress.Contacts == "" {
		c.Egress.Contacts = ContactsSource
	}
	c.Authentication.applyDefaults()
	c.LocalApp.applyDefaults()
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
}

// Validate says which field cannot work and why; several faults are joined.
func (c *Config) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("configuration: %s: %s", field, fmt.Sprintf(format, args...)))
	}
	if len(c.Cluster) < 1 || len(c.Cluster) > 63 {
		bad("cluster", "must have 1 to 63 characters")
	}
	if len(c.Domains) == 0 {
		bad("domains", "at least one domain must be served")
	}
	for i, d := range c.Domains {
		if !isHost(d) {
			bad(fmt.Sprintf("domains[%d]", i), "%q is not a host name or address", d)
		}
	}
	if len(c.Aliases) > MaxAliases {
		bad("aliases", "%d of them, at most %d", len(c.Aliases), MaxAliases)
	}
	for i, a := range c.Aliases {
		if host, _, err := SplitAdvertise(a, 0); err != nil || !isHost(host) {
			bad(fmt.Sprintf("aliases[%d]", i), "%q is not host or host:port", a)
		}
	}
	if c.Advertise != "" {
		if _, _, err := SplitAdvertise(c.Advertise, c.Ports.SIP); err != nil {
			bad("advertise", "%v", err)
		}
	}
	c.validateShared(bad)
	c.validatePorts(bad)
	r := c.Registrar
	if r.MinExpires < 1 || r.MinExpires > r.DefaultExpires || r.DefaultExpires > r.MaxExpires {
		bad("registrar", "needs 1 <= minExpires (%d) <= defaultExpires (%d) <= maxExpires (%d)", r.MinExpires, r.DefaultExpires, r.MaxExpires)
	}
	if r.MaxExpires > 7*24*3600 {
		bad("registrar.maxExpires", "%d is more than a week (604800)", r.MaxExpires)
	}
	if r.MaxContacts < 1 || r.MaxContacts > 60 {
		bad("registrar.maxContacts", "%d is not in 1..60", r.MaxContacts)
	}
	if _, err := c.Level(); err != nil {
		bad("logLevel", "%q is not one of debug, info, warn, error", c.LogLevel)
	}
	if c.MaxRingSeconds < 1 || c.MaxRingSeconds > 24*3600 {
		bad("maxRingSeconds", "%d is not in 1..86400", c.MaxRingSeconds)
	}
	if c.TokenHours < 1 || c.TokenHours > MaxTokenHours {
		bad("tokenHours", "%d is not in 1..%d", c.TokenHours, MaxTokenHours)
	}
	if len(c.ControlSocket) > MaxSocketPath {
		bad("controlSocket", "a path of more than %d bytes", MaxSocketPath)
	}
	c.Egress.validate(bad)
	c.Limits.validate(bad)
	c.Authentication.validate(c.Domains, bad)
	c.LocalApp.validate(bad)
	if c.DrainTime() < 0 || c.MaxTransactions < 1 || c.UDPLoops < 0 || c.UDPLoops > 256 {
		bad("drainSeconds, maxTransactions, udpLoops", "out of range")
	}
	return errors.Join(errs...)
}

// isHost tells what cannot be the host part of an address from what may be one.
func isHost(s string) bool { return s != "" && !strings.ContainsAny(s, " \t\r\n@;<>\"/") }

// Level is the log level.
func (c *Config) Level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(c.LogLevel))
	return l, err
}

// DrainTime is DrainSeconds as a duration.
func (c *Config) DrainTime() time.Duration {
	if c.DrainSeconds == nil {
		return DefaultDrainSeconds * time.Second
	}
	return time.Duration(*c.DrainSeconds) * time.Second
}

// ReachedAt is the configuration with further addresses of this proxy among the
// aliases.
func (c *Config) ReachedAt(addresses []netip.AddrPort) *Config {
	here := *c
	here.Aliases = slices.Clone(c.Aliases)
	for _, a := range addresses {
		here.Aliases = append(here.Aliases, a.String())
	}
	return &here
}

// SplitAdvertise splits "host", "host:port" or "[v6]:port"; a missing port is
// defaultPort. The host comes back without brackets.
func SplitAdvertise(s string, defaultPort int) (host string, port int, err error) {
	if s == "" {
		return "", 0, errors.New("empty address")
	}
	if ip := net.ParseIP(strings.Trim(s, "[]")); ip != nil {
		return strings.Trim(s, "[]"), defaultPort, nil
	}
	if !strings.Contains(s, ":") {
		return s, defaultPort, nil
	}
	h, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: %w", s, err)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 || h == "" {
		return "", 0, fmt.Errorf("address %q is not host:port", s)
	}
	return h, int(n), nil
}

func setDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

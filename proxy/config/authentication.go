package config

// What is done with calls to users here from whoever is neither one of them nor
// trusted.
const (
	// OutsideReject: 403. The default.
	OutsideReject = "Reject"
	// OutsideChallenge: 407, so that users whose From is of another domain get in.
	OutsideChallenge = "Challenge"
	// OutsideAllow: let in.
	OutsideAllow = "Allow"
)

// Whom a trusted source may speak for.
const (
	// IdentityOutside: whoever is not of a domain served here. The default.
	IdentityOutside = "Outside"
	// IdentityAny: anybody; what its P-Asserted-Identity says is believed.
	IdentityAny = "Any"
)

// Digest algorithms (RFC 8760), as Digest.Algorithms has them.
const (
	AlgorithmSHA256 = "SHA-256"
	AlgorithmMD5    = "MD5"
)

// Authentication says who may register and who may call. A configuration without
// it, as an earlier operator writes, has everybody let in as whoever they say.
type Authentication struct {
	// Open: nobody is asked who they are.
	Open Open `json:"open,omitempty"`
	// Digest is how users are asked (RFC 3261 22).
	Digest Digest `json:"digest,omitempty"`
	// Credentials say where theirs are. One of its fields is set, unless Open.
	Credentials Credentials `json:"credentials,omitempty"`
	// Domains have rules of their own, at most one of each served domain.
	Domains []DomainAuthentication `json:"domains,omitempty"`
	// Trusted are sources that nobody challenges, at most 64. The longest prefix counts.
	Trusted []TrustedSource `json:"trusted,omitempty"`
	// Outside is Reject (default), Challenge or Allow: calls to users here from whoever
	// is neither a user nor trusted.
	Outside string `json:"outside,omitempty"`
	// AssertIdentity: who has been authenticated is named to the callee in
	// P-Asserted-Identity (RFC 3325).
	AssertIdentity bool `json:"assertIdentity,omitempty"`
	// Calls bounds those of each user.
	Calls CallLimits `json:"calls,omitempty"`
}

// Digest is how users are challenged.
type Digest struct {
	// Algorithms in the order in which they are offered: SHA-256, MD5. Default both.
	Algorithms []string `json:"algorithms,omitempty"`
	// NonceSeconds is how long a nonce may be used: 30 to 3600, default 300.
	NonceSeconds int `json:"nonceSeconds,omitempty"`
	// BindSource: a nonce is good for the address only that it was sent to.
	BindSource bool `json:"bindSource,omitempty"`
}

// DomainAuthentication is the rule of one domain.
type DomainAuthentication struct {
	// Domain is one of Config.Domains.
	Domain string `json:"domain"`
	// Open as Authentication.Open, for who registers and calls as a user of it.
	Open Open `json:"open,omitempty"`
	// Realm of its users' passwords. Default: the domain.
	Realm string `json:"realm,omitempty"`
	// Outside as Authentication.Outside, for calls to users of it. Default: that.
	Outside string `json:"outside,omitempty"`
}

// TrustedSource is a prefix of addresses that are not challenged.
type TrustedSource struct {
	// Prefix such as 192.0.2.0/24.
	Prefix string `json:"prefix"`
	// Identity is Outside (default) or Any.
	Identity string `json:"identity,omitempty"`
}

// CallLimits bound what one user may have going; 0 is without bound.
type CallLimits struct {
	// PerMinute is how many calls a user may begin in a minute.
	PerMinute int `json:"perMinute,omitempty"`
	// InSetup is how many calls of a user may be being set up at a time: INVITEs outside
	// of a dialog that have no final response yet.
	InSetup int `json:"inSetup,omitempty"`
}

// Credentials are where the users' are kept.
type Credentials struct {
	// Files are directories or files of lines such as htdigest writes.
	Files []string `json:"files,omitempty"`
	// Postgres is a database with a table of subscribers.
	Postgres *PostgresCredentials `json:"postgres,omitempty"`
	// HTTP is a service that is asked for each user.
	HTTP *HTTPCredentials `json:"http,omitempty"`
	// CacheSeconds is how long what Postgres or HTTP said of a user is taken as it is:
	// 1 to 86400, default 300. HTTP may say less.
	CacheSeconds int `json:"cacheSeconds,omitempty"`
	// StaleSeconds is how long beyond that it is still taken while the source is away: 0
	// to 604800, default 86400.
	StaleSeconds *int `json:"staleSeconds,omitempty"`
	// TimeoutSeconds is how long the source has to answer: 1 to 30, default 3.
	TimeoutSeconds int `json:"timeoutSeconds,omitempty"`
	// MaxConcurrent is how many questions may be under way: 1 to 256, default 16.
	MaxConcurrent int `json:"maxConcurrent,omitempty"`
}

// PostgresCredentials are a database's.
type PostgresCredentials struct {
	// ConnectionFile holds the connection string (a URL or keywords).
	ConnectionFile string `json:"connectionFile"`
	// Query has the user name as $1 and the domain or realm as $2, and gives rows with
	// columns ha1, ha1b, ha1_sha256, ha1b_sha256 and aor, of which those that are there
	// are used. Default: of the table subscriber as Kamailio and OpenSIPS have it.
	Query string `json:"query,omitempty"`
	// Channel is listened to (LISTEN): a notification with a user@domain, or none, has
	// it asked for anew. Empty for none.
	Channel string `json:"channel,omitempty"`
}

// HTTPCredentials are a service's.
type HTTPCredentials struct {
	// URL that is sent a POST: https, or http.
	URL string `json:"url"`
	// BearerFile holds a token for the Authorization header.
	BearerFile string `json:"bearerFile,omitempty"`
	// CAFile, CertificateFile and KeyFile are PEM, for TLS.
	CAFile          string `json:"caFile,omitempty"`
	CertificateFile string `json:"certificateFile,omitempty"`
	KeyFile         string `json:"keyFile,omitempty"`
}

package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Defaults of Authentication. Seconds where a duration is meant.
const (
	DefaultNonceSeconds             = 300
	DefaultCredentialsCacheSeconds  = 300
	DefaultCredentialsStaleSeconds  = 24 * 3600
	DefaultCredentialsTimeout       = 3
	DefaultCredentialsMaxConcurrent = 16
)

// Bounds of Authentication.
const (
	// MaxTrustedSources is the most prefixes of Authentication.Trusted.
	MaxTrustedSources = 64
	// MaxCredentialFiles is the most entries of Credentials.Files.
	MaxCredentialFiles = 64
	// MaxRealm is the longest realm, in bytes.
	MaxRealm = 128

	minNonceSeconds, maxNonceSeconds = 30, 3600
	maxCacheSeconds, maxStaleSeconds = 24 * 3600, 7 * 24 * 3600
	maxTimeoutSeconds                = 30
	maxConcurrentQuestions           = 256
	maxCallsPerMinute                = 1_000_000
	maxCallsInSetup                  = 100_000
)

// applyDefaults fills what is absent. Nobody is asked anything while all is open.
func (a *Authentication) applyDefaults() {
	if a == nil || a.Open {
		return
	}
	if len(a.Digest.Algorithms) == 0 {
		a.Digest.Algorithms = []string{AlgorithmSHA256, AlgorithmMD5}
	}
	setDefault(&a.Digest.NonceSeconds, DefaultNonceSeconds)
	if a.Outside == "" {
		a.Outside = OutsideReject
	}
	for i := range a.Trusted {
		if a.Trusted[i].Identity == "" {
			a.Trusted[i].Identity = IdentityOutside
		}
	}
	a.Credentials.applyDefaults()
}

func (c *Credentials) applyDefaults() {
	setDefault(&c.CacheSeconds, DefaultCredentialsCacheSeconds)
	if c.StaleSeconds == nil {
		c.StaleSeconds = new(DefaultCredentialsStaleSeconds)
	}
	setDefault(&c.TimeoutSeconds, DefaultCredentialsTimeout)
	setDefault(&c.MaxConcurrent, DefaultCredentialsMaxConcurrent)
}

// validate tells bad what cannot work. domains are those served.
func (a *Authentication) validate(domains []string, bad func(field, format string, args ...any)) {
	if a == nil {
		return
	}
	a.validateDomains(domains, bad)
	a.validateTrusted(bad)
	if n := a.Calls.PerMinute; n < 0 || n > maxCallsPerMinute {
		bad("authentication.calls.perMinute", "%d is not in 0..%d", n, maxCallsPerMinute)
	}
	if n := a.Calls.InSetup; n < 0 || n > maxCallsInSetup {
		bad("authentication.calls.inSetup", "%d is not in 0..%d", n, maxCallsInSetup)
	}
	if a.Open {
		if a.Credentials.sources() > 0 {
			bad("authentication.open", "nobody is asked for credentials, and some are given: it is one or the other")
		}
		return
	}
	a.Digest.validate(bad)
	if !isOutside(a.Outside) {
		bad("authentication.outside", "%q is not Reject, Challenge or Allow", a.Outside)
	}
	a.Credentials.validate(bad)
}

func (d *Digest) validate(bad func(field, format string, args ...any)) {
	for i, name := range d.Algorithms {
		field := fmt.Sprintf("authentication.digest.algorithms[%d]", i)
		switch {
		case name != AlgorithmSHA256 && name != AlgorithmMD5:
			bad(field, "%q is not %s or %s", name, AlgorithmSHA256, AlgorithmMD5)
		case slices.Contains(d.Algorithms[:i], name):
			bad(field, "%s is there twice", name)
		}
	}
	if n := d.NonceSeconds; n < minNonceSeconds || n > maxNonceSeconds {
		bad("authentication.digest.nonceSeconds", "%d is not in %d..%d", n, minNonceSeconds, maxNonceSeconds)
	}
}

func (a *Authentication) validateDomains(domains []string, bad func(field, format string, args ...any)) {
	same := func(a, b string) bool {
		return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
	}
	for i, d := range a.Domains {
		field := fmt.Sprintf("authentication.domains[%d]", i)
		switch {
		case !slices.ContainsFunc(domains, func(served string) bool { return same(served, d.Domain) }):
			bad(field+".domain", "%q is no domain that is served here", d.Domain)
		case slices.ContainsFunc(a.Domains[:i], func(o DomainAuthentication) bool { return same(o.Domain, d.Domain) }):
			bad(field+".domain", "%q is there twice", d.Domain)
		}
		if !isRealm(d.Realm) {
			bad(field+".realm", "%q is longer than %d bytes, or has a quote, backslash or control character", d.Realm, MaxRealm)
		}
		if d.Outside != "" && !isOutside(d.Outside) {
			bad(field+".outside", "%q is not Reject, Challenge or Allow", d.Outside)
		}
	}
}

func isOutside(s string) bool {
	return s == OutsideReject || s == OutsideChallenge || s == OutsideAllow
}

// isRealm reports whether a realm can be written between quotes as it is.
func isRealm(s string) bool {
	return len(s) <= MaxRealm && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '"' || r == '\\' }) < 0
}

func (a *Authentication) validateTrusted(bad func(field, format string, args ...any)) {
	if len(a.Trusted) > MaxTrustedSources {
		bad("authentication.trusted", "%d of them, at most %d", len(a.Trusted), MaxTrustedSources)
		return
	}
	for i, s := range a.Trusted {
		field := fmt.Sprintf("authentication.trusted[%d]", i)
		p, err := s.Parse()
		if err != nil {
			bad(field+".prefix", "%v", err)
		}
		if slices.ContainsFunc(a.Trusted[:i], func(o TrustedSource) bool { before, err := o.Parse(); return err == nil && before == p }) {
			bad(field+".prefix", "%q is there twice", s.Prefix)
		}
		if s.Identity != "" && s.Identity != IdentityOutside && s.Identity != IdentityAny {
			bad(field+".identity", "%q is not Outside or Any", s.Identity)
		}
	}
}

// Parse is the prefix of the source.
func (s *TrustedSource) Parse() (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s.Prefix)
	if err != nil || p != p.Masked() || p.Addr().Is4In6() {
		return p, fmt.Errorf("%q is not a prefix such as 192.0.2.0/24", s.Prefix)
	}
	return p, nil
}

// sources is how many of them are given.
func (c *Credentials) sources() (n int) {
	for _, given := range [...]bool{len(c.Files) > 0, c.Postgres != nil, c.HTTP != nil} {
		if given {
			n++
		}
	}
	return n
}

func (c *Credentials) validate(bad func(field, format string, args ...any)) {
	const field = "authentication.credentials"
	if n := c.sources(); n != 1 {
		bad(field, "%d of files, postgres and http are given: it must be one, or authentication.open", n)
	}
	within := func(name string, n, least, most int) {
		if n < least || n > most {
			bad(field+"."+name, "%d is not in %d..%d", n, least, most)
		}
	}
	within("cacheSeconds", c.CacheSeconds, 1, maxCacheSeconds)
	if c.StaleSeconds != nil {
		within("staleSeconds", *c.StaleSeconds, 0, maxStaleSeconds)
	}
	within("timeoutSeconds", c.TimeoutSeconds, 1, maxTimeoutSeconds)
	within("maxConcurrent", c.MaxConcurrent, 1, maxConcurrentQuestions)
	if len(c.Files) > MaxCredentialFiles {
		bad(field+".files", "%d of them, at most %d", len(c.Files), MaxCredentialFiles)
	}
	if slices.Contains(c.Files, "") {
		bad(field+".files", "an empty name")
	}
	if c.Postgres != nil && c.Postgres.ConnectionFile == "" {
		bad(field+".postgres.connectionFile", "is missing")
	}
	if c.HTTP != nil {
		c.HTTP.validate(bad)
	}
}

func (h *HTTPCredentials) validate(bad func(field, format string, args ...any)) {
	const field = "authentication.credentials.http"
	u, err := url.Parse(h.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		bad(field+".url", "%q is no https or http URL", h.URL)
	}
	if (h.CertificateFile == "") != (h.KeyFile == "") {
		bad(field, "certificateFile and keyFile go together")
	}
}

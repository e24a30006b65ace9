package desired

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

const withDigest = "domains: [example.com, example.org]\n" + byDigest

const byDigest = `
authentication:
  digest:
    credentials: {secrets: [{name: users}, {name: more.users, key: phones}]}
    algorithms: [MD5]
    nonceSeconds: 60
    bindSource: true
  domains: [{domain: example.com, realm: Example, outside: Allow}, {domain: example.org, open: {}}]
  trusted: [{cidr: 192.0.2.0/24, identity: Any}, {cidr: 2001:db8::/32}]
  outside: Challenge
  assertIdentity: true
  calls: {perMinute: 30, inSetup: 2}
`

const withPostgres = `
authentication: {digest: {credentials: {postgres: {connection: {secretName: db, key: uri}, query: "SELECT $1", channel: changed, cacheSeconds: 1, staleSeconds: 0, timeoutSeconds: 2, maxConcurrent: 3}}}}
`

const withHTTP = `
authentication: {digest: {credentials: {http: {url: "https://a/b", bearer: {secretName: a, key: token}, ca: {secretName: a, key: ca.crt}, clientCertificate: {secretName: b}, cacheSeconds: 1, staleSeconds: 5, timeoutSeconds: 2, maxConcurrent: 3}}}}
`

// TestAuthenticationOfTheProxies: all that the spec says reaches them, with the paths at
// which the Secrets are mounted.
func TestAuthenticationOfTheProxies(t *testing.T) {
	asked := config.Credentials{CacheSeconds: 1, TimeoutSeconds: 2, MaxConcurrent: 3}
	postgres, http := asked, asked
	postgres.StaleSeconds, http.StaleSeconds = new(0), new(5)
	postgres.Postgres = &config.PostgresCredentials{ConnectionFile: "/etc/sipring/credentials/0/uri", Query: "SELECT $1", Channel: "changed"}
	http.HTTP = &config.HTTPCredentials{
		URL: "https://a/b", BearerFile: "/etc/sipring/credentials/0/token", CAFile: "/etc/sipring/credentials/0/ca.crt",
		CertificateFile: "/etc/sipring/credentials/1/tls.crt", KeyFile: "/etc/sipring/credentials/1/tls.key",
	}
	for spec, want := range map[string]*config.Authentication{
		"":                           nil,
		"authentication: {open: {}}": nil,
		withDigest: {
			Digest:      config.Digest{Algorithms: []string{"MD5"}, NonceSeconds: 60, BindSource: true},
			Credentials: config.Credentials{Files: []string{"/etc/sipring/credentials/0", "/etc/sipring/credentials/1/phones"}},
			Domains:     []config.DomainAuthentication{{Domain: "example.com", Realm: "Example", Outside: "Allow"}, {Domain: "example.org", Open: true}},
			Trusted:     []config.TrustedSource{{Prefix: "192.0.2.0/24", Identity: "Any"}, {Prefix: "2001:db8::/32"}},
			Outside:     "Challenge", AssertIdentity: true, Calls: config.CallLimits{PerMinute: 30, InSetup: 2},
		},
		withPostgres: {Credentials: postgres},
		withHTTP:     {Credentials: http},
	} {
		if d := cmp.Diff(want, authentication(ring(t, spec).Spec.Authentication)); d != "" {
			t.Errorf("%s (-want +got):\n%s", spec, d)
		}
	}
}

// TestOpenIsWrittenAsBefore: what an earlier proxy has to read, and what was asked of
// pods before there was authentication, is the same where nobody is asked.
func TestOpenIsWrittenAsBefore(t *testing.T) {
	before, open := ring(t, ""), ring(t, "authentication: {open: {}}")
	if text := must(ConfigText(open)); text != must(ConfigText(before)) || strings.Contains(text, "authentication") {
		t.Errorf("open is written as\n%s", text)
	}
	if d := cmp.Diff(must(StatefulSet(before, "image", "a")), must(StatefulSet(open, "image", "a"))); d != "" {
		t.Errorf("the pods of before (-) and open (+):\n%s", d)
	}
}

// TestCredentialSecrets: each once, with all keys that are asked of it.
func TestCredentialSecrets(t *testing.T) {
	for spec, want := range map[string][]NamedSecret{
		"":                           nil,
		"authentication: {open: {}}": nil,
		withDigest:                   {{Name: "users"}, {Name: "more.users", Keys: []string{"phones"}}},
		withPostgres:                 {{Name: "db", Keys: []string{"uri"}}},
		withHTTP:                     {{Name: "a", Keys: []string{"token", "ca.crt"}}, {Name: "b", Keys: []string{"tls.crt", "tls.key"}}},
	} {
		if d := cmp.Diff(want, CredentialSecrets(ring(t, spec))); d != "" {
			t.Errorf("%s (-want +got):\n%s", spec, d)
		}
	}
}

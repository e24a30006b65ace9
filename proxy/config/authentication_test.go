package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const credentials = "credentials: {files: [/etc/users]}"

func TestAuthentication(t *testing.T) {
	many := strings.Repeat("{prefix: 192.0.2.0/24},", MaxTrustedSources)
	for text, want := range map[string]string{ // a part of the error; empty: it is taken
		"{open: true}":          "",
		"{" + credentials + "}": "",
		"{credentials: {postgres: {connectionFile: /a}}}":                                                              "",
		"{credentials: {http: {url: 'https://a/b', certificateFile: c, keyFile: d}, staleSeconds: 0}}":                 "",
		"{" + credentials + ", digest: {algorithms: [MD5], nonceSeconds: 30, bindSource: true}}":                       "",
		"{" + credentials + ", domains: [{domain: Example.com., open: true}, {domain: example.org, realm: 'of all'}]}": "",
		"{" + credentials + ", trusted: [{prefix: 192.0.2.0/24}, {prefix: '2001:db8::/32', identity: Any}]}":           "",
		"{" + credentials + ", outside: Challenge, assertIdentity: true, calls: {perMinute: 60, inSetup: 1}}":          "",
		"{}":                                "authentication.credentials: 0 of files, postgres and http",
		"{open: true, " + credentials + "}": "authentication.open: ",
		"{credentials: {files: [/a], http: {url: 'http://a'}}}":                          "authentication.credentials: 2 of",
		"{credentials: {files: ['']}}":                                                   "authentication.credentials.files: ",
		"{credentials: {files: [" + strings.Repeat("a,", MaxCredentialFiles) + "b]}}":    "authentication.credentials.files: 65 ",
		"{credentials: {files: [/a], cacheSeconds: -1}}":                                 "authentication.credentials.cacheSeconds: -1 ",
		"{credentials: {files: [/a], staleSeconds: 604801}}":                             "authentication.credentials.staleSeconds: ",
		"{credentials: {files: [/a], timeoutSeconds: 31}}":                               "authentication.credentials.timeoutSeconds: ",
		"{credentials: {files: [/a], maxConcurrent: 257}}":                               "authentication.credentials.maxConcurrent: ",
		"{credentials: {postgres: {}}}":                                                  "authentication.credentials.postgres.connectionFile: ",
		"{credentials: {http: {url: 'ftp://a'}}}":                                        "authentication.credentials.http.url: ",
		"{credentials: {http: {url: 'https://a', keyFile: d}}}":                          "authentication.credentials.http: ",
		"{" + credentials + ", digest: {algorithms: [SHA-256, SHA-1]}}":                  "authentication.digest.algorithms[1]: ",
		"{" + credentials + ", digest: {algorithms: [MD5, MD5]}}":                        "authentication.digest.algorithms[1]: MD5 is there twice",
		"{" + credentials + ", digest: {nonceSeconds: 29}}":                              "authentication.digest.nonceSeconds: 29 ",
		"{" + credentials + ", domains: [{domain: example.net}]}":                        "authentication.domains[0].domain: ",
		"{" + credentials + ", domains: [{domain: example.com}, {domain: EXAMPLE.com}]}": "authentication.domains[1].domain: ",
		"{" + credentials + `, domains: [{domain: example.com, realm: 'a"b'}]}`:          "authentication.domains[0].realm: ",
		"{" + credentials + `, domains: [{domain: example.com, realm: "a\r\nb"}]}`:       "authentication.domains[0].realm: ",
		"{" + credentials + ", domains: [{domain: example.com, outside: reject}]}":       "authentication.domains[0].outside: ",
		"{" + credentials + ", trusted: [{prefix: 192.0.2.1/24}]}":                       "authentication.trusted[0].prefix: ",
		"{" + credentials + ", trusted: [{prefix: '::ffff:192.0.2.0/120'}]}":             "authentication.trusted[0].prefix: ",
		"{" + credentials + ", trusted: [{prefix: '::/0'}, {prefix: '::/0'}]}":           "authentication.trusted[1].prefix: ",
		"{" + credentials + ", trusted: [{prefix: '::/0', identity: all}]}":              "authentication.trusted[0].identity: ",
		"{" + credentials + ", trusted: [" + many + "{prefix: '::/0'}]}":                 "authentication.trusted: 65 ",
		"{" + credentials + ", outside: allow}":                                          "authentication.outside: ",
		"{" + credentials + ", calls: {inSetup: -1}}":                                    "authentication.calls.inSetup: ",
		"{" + credentials + ", calls: {perMinute: -1}}":                                  "authentication.calls.perMinute: ",
		"{open: {}}": "",
		"{" + credentials + ", domains: [{domain: example.com, open: {}}]}": "",
		"{open: 1}":                       "parse configuration: ",
		"{open: {always: true}}":          "parse configuration: ",
		"{open: {}, " + credentials + "}": "authentication.open: ",
	} {
		_, err := ParseConfig(fmt.Appendf(nil, "{cluster: a, domains: [example.com, example.org], authentication: %s}", text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nis %v, want %q", text, err, want)
		}
	}
}

func TestAuthenticationDefaults(t *testing.T) {
	c, err := ParseConfig([]byte("{cluster: a, domains: [example.com], authentication: {credentials: {files: [/a]}, trusted: [{prefix: '::/0'}]}}"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Authentication{
		Digest:      Digest{Algorithms: []string{"SHA-256", "MD5"}, NonceSeconds: 300},
		Credentials: Credentials{Files: []string{"/a"}, CacheSeconds: 300, StaleSeconds: new(86400), TimeoutSeconds: 3, MaxConcurrent: 16},
		Trusted:     []TrustedSource{{Prefix: "::/0", Identity: "Outside"}}, Outside: "Reject",
	}
	if diff := cmp.Diff(want, c.Authentication); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c, err = ParseConfig([]byte("{cluster: a, domains: [example.com]}")); err != nil || c.Authentication != nil {
		t.Errorf("without authentication it is %+v, %v", c, err)
	}
}

// TestUnknownFieldsWithinPointers: what is misspelt below a field that may be absent
// has no effect either, and is named.
func TestUnknownFieldsWithinPointers(t *testing.T) {
	c, err := ParseConfig([]byte("{cluster: a, domains: [b], authentication: {credentials: {http: {url: 'http://c', uri: d}}, domain: [], domains: [{domain: b, reelm: c}]}}"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"authentication.credentials.http.uri", "authentication.domain", "authentication.domains[0].reelm"}
	if diff := cmp.Diff(want, c.Unknown); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

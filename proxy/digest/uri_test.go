package digest

import (
	"strings"
	"testing"
)

// TestURIIsForTheRequest holds the uri parameter against the Request-URI: what phones were
// seen to write, and what would let a proof for one target be used for another.
func TestURIIsForTheRequest(t *testing.T) {
	long := strings.Repeat("a", maxLoose)
	tests := map[string]struct {
		uri, request string
		want         bool
	}{
		// As they write it into the request line.
		"baresip, REGISTER":             {"sip:example.com", "sip:example.com", true},
		"baresip, over TCP":             {"sip:example.com;transport=tcp", "sip:example.com;transport=tcp", true},
		"pjsip, INVITE with a port":     {"sip:61488561067@192.0.2.1:5060", "sip:61488561067@192.0.2.1:5060", true},
		"Polycom, REGISTER with a port": {"sip:192.0.2.1:5060", "sip:192.0.2.1:5060", true},
		"Snom, SUBSCRIBE":               {"sip:207@172.22.210.3:5060", "sip:207@172.22.210.3:5060", true},
		"OpenScape, over TLS":           {"sip:pbx.example:5061;transport=TLS", "sip:pbx.example:5061;transport=TLS", true},
		"Grandstream, user=phone":       {"sip:100@example.com;user=phone", "sip:100@example.com;user=phone", true},
		"a tel URI":                     {"tel:+1-201-555-0123", "tel:+12015550123", true},

		// In another form.
		"transport in another case":      {"sip:pbx.example;transport=tls", "sip:pbx.example;transport=TLS", true},
		"host in another case":           {"sip:bob@EXAMPLE.com", "sip:bob@example.com", true},
		"host with the final dot":        {"sip:bob@example.com.", "sip:bob@example.com", true},
		"scheme in another case":         {"SIP:bob@example.com", "sip:bob@example.com", true},
		"escape for what needs none":     {"sip:%62ob@example.com", "sip:bob@example.com", true},
		"escapes in another case":        {"sip:b%3Ab@example.com", "sip:b%3ab@example.com", true},
		"IPv6 in another form":           {"sip:bob@[2001:DB8:0::1]", "sip:bob@[2001:db8::1]", true},
		"parameters in another order":    {"sip:bob@example.com;transport=udp;lr", "sip:bob@example.com;lr;transport=udp", true},
		"hash sign as an escape, or not": {"sip:%2321@example.com", "sip:#21@example.com", true},

		// Written into one of the two alone.
		"port left out":                     {"sip:+57@sbc.example.com", "sip:+57@sbc.example.com:6060", true},
		"port and transport left out":       {"sip:+57@sbc.example.com", "sip:+57@sbc.example.com:6060;transport=udp", true},
		"default port left out":             {"sip:example.com", "sip:example.com:5060", true},
		"default port written":              {"sip:example.com:5060", "sip:example.com", true},
		"another port written":              {"sip:example.com:5070", "sip:example.com", true},
		"TLS port left out":                 {"sips:example.com", "sips:example.com:5061", true},
		"transport left out":                {"sip:example.com", "sip:example.com;transport=tcp", true},
		"transport written":                 {"sip:example.com;transport=tls", "sip:example.com", true},
		"user=phone left out":               {"sip:+12015550123@example.com", "sip:+12015550123@example.com;user=phone", true},
		"user=phone written":                {"sip:+12015550123@example.com;user=phone", "sip:+12015550123@example.com", true},
		"a parameter nobody knows left out": {"sip:bob@example.com", "sip:bob@example.com;x=1", true},
		"one with an escaped name left out": {"sip:bob@example.com", "sip:bob@example.com;%74ransport=tcp", false}, // as nobody writes it
		"the domain alone":                  {"sip:example.com", "sip:bob@example.com", true},
		"the domain alone, with a port":     {"sip:example.com:5060", "sip:bob@example.com", true},
		"a user in that of a REGISTER":      {"sip:bob@example.com", "sip:example.com", true},
		"password left out":                 {"sip:bob@example.com", "sip:bob:x@example.com", true},

		// Another target.
		"another user":                   {"sip:bob@example.com", "sip:carol@example.com", false},
		"a user in another case":         {"sip:bob@example.com", "sip:Bob@example.com", false},
		"a user that begins like it":     {"sip:+1201@example.com", "sip:+12015550123@example.com", false},
		"another domain":                 {"sip:bob@example.com", "sip:bob@example.org", false},
		"the domain alone, another":      {"sip:example.com", "sip:bob@example.org", false},
		"a domain above it":              {"sip:example.com", "sip:bob@sub.example.com", false},
		"another address":                {"sip:192.0.2.1", "sip:192.0.2.2", false},
		"another port":                   {"sip:example.com:5070", "sip:example.com:5060", false},
		"another transport":              {"sip:example.com;transport=tcp", "sip:example.com;transport=udp", false},
		"another value of any parameter": {"sip:bob@example.com;x=1", "sip:bob@example.com;x=2", false},
		"maddr added":                    {"sip:bob@example.com", "sip:bob@example.com;maddr=203.0.113.9", false},
		"maddr added, transport too":     {"sip:bob@example.com", "sip:bob@example.com;transport=udp;maddr=203.0.113.9", false},
		"maddr left out":                 {"sip:bob@example.com;maddr=203.0.113.9", "sip:bob@example.com", false},
		"ttl added":                      {"sip:bob@example.com", "sip:bob@example.com;ttl=1", false},
		"method added":                   {"sip:bob@example.com", "sip:bob@example.com;method=BYE", false},
		"headers added":                  {"sip:bob@example.com", "sip:bob@example.com?Replaces=x", false},
		"another scheme":                 {"sip:bob@example.com", "sips:bob@example.com", false},
		"a tel URI for another":          {"tel:+12015550123", "tel:+12015550124", false},
		"a tel URI for a SIP URI":        {"tel:+12015550123", "sip:+12015550123@example.com", false},
		"an HTTP one":                    {"/dir/index.html", "sip:example.com", false},
		"nothing":                        {"", "sip:example.com", false},
		"an asterisk":                    {"*", "sip:example.com", false},
		"two at signs":                   {"sip:bob@example.com@example.org", "sip:bob@example.com", false},
		"a name in angle brackets":       {"<sip:bob@example.com>", "sip:bob@example.com", false},
		"NUL in it":                      {"sip:bob\x00@example.com", "sip:bob@example.com", false},
		"too long to be liberal with":    {"sip:" + long + "@example.com", "sip:" + long + "@example.com:5060", false},
		"too long, and equal":            {"sip:" + long + "@example.com", "sip:" + long + "@example.com", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Response{URI: []byte(tt.uri)}
			if got := r.IsFor([]byte(tt.request)); got != tt.want {
				t.Errorf("uri %s, request for %s: %t, want %t", tt.uri, tt.request, got, tt.want)
			}
		})
	}
}

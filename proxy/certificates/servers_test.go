package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Who is connected to is a domain by its SIP URIs, by its DNS names if it has none, and by no
// wildcard (RFC 5922 7.1, 7.2); one of an address has it in its certificate.
func TestRFC5922_7_1_WhoAServerIs(t *testing.T) {
	ca, stranger := newMaker(t, "ca"), newMaker(t, "ca")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.pem())
	verify := VerifyServer(roots)
	of := func(m *maker, usage x509.ExtKeyUsage, names []string, address string, uris ...string) *x509.Certificate {
		c := &x509.Certificate{DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{usage}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		if address != "" {
			c.IPAddresses = []net.IP{net.ParseIP(address)}
		}
		for _, text := range uris {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
		leaf, err := x509.ParseCertificate(m.issue(c, newECDSA(t)).pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	const server = x509.ExtKeyUsageServerAuth
	names := []string{"example.com", "EXAMPLE.com.", "host.example.com", "a.wild.example", "bob", "192.0.2.1", "2001:db8::1"}
	for what, tt := range map[string]struct {
		leaf *x509.Certificate
		want string // of names
	}{
		"a DNS name":              {of(ca, server, []string{"Example.com"}, ""), "example.com EXAMPLE.com."},
		"a SIP URI":               {of(ca, server, nil, "", "sip:example.com"), "example.com EXAMPLE.com."},
		"a SIP URI beside a name": {of(ca, server, []string{"host.example.com"}, "", "sip:example.com"), "example.com EXAMPLE.com."},
		"a user beside a name":    {of(ca, server, []string{"example.com"}, "", "sip:bob@host.example.com"), "example.com EXAMPLE.com."},
		"a wildcard":              {of(ca, server, []string{"*.wild.example", "*.com"}, ""), ""},
		"an address":              {of(ca, server, nil, "192.0.2.1"), "192.0.2.1"},
		"an address as a name":    {of(ca, server, []string{"192.0.2.1"}, ""), ""},
		"a stranger's":            {of(stranger, server, []string{"example.com"}, ""), ""},
		"a client's":              {of(ca, x509.ExtKeyUsageClientAuth, []string{"example.com"}, ""), ""},
		"a website's":             {of(ca, server, []string{"example.com"}, "", "https://host.example.com"), "example.com EXAMPLE.com."},
	} {
		for _, name := range names {
			want := slices.Contains(strings.Fields(tt.want), name)
			if err := verify(name, tls.ConnectionState{PeerCertificates: []*x509.Certificate{tt.leaf}}); (err == nil) != want {
				t.Errorf("%s: is it %s: %v, want %v", what, name, err, want)
			}
		}
	}
}

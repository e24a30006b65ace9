package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// TestClients: who may connect, by the certificate that is shown.
func TestClients(t *testing.T) {
	ca, stranger, root := newMaker(t, "ca"), newMaker(t, "ca"), t.TempDir()
	mount(t, filepath.Join(root, "tls"), ca.server("sip.example").secret())
	mount(t, filepath.Join(root, "ca"), map[string][]byte{authorityFile: joined([]byte("our own\n"), newMaker(t, "before").pem(), ca.pem())})
	const client = x509.ExtKeyUsageClientAuth
	trunk := []string{"trunk.example", "*.wild.example"}
	shown := map[string]*issued{
		"none":           nil,
		"trunk":          ca.client(client, trunk),
		"of a server":    ca.client(x509.ExtKeyUsageServerAuth, trunk),
		"to sign code":   ca.client(x509.ExtKeyUsageCodeSigning, trunk),
		"a stranger's":   stranger.client(client, trunk),
		"sip URI":        ca.client(client, trunk, "sip:Peer.example"),
		"a user":         ca.client(client, nil, "sip:bob@Peer.example"),
		"user and trunk": ca.client(client, trunk, "sip:bob@peer.example"),
		"expired":        ca.issue(&x509.Certificate{DNSNames: trunk, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{client}}, newECDSA(t)),
	}
	for name, tt := range map[string]struct {
		rules config.ListenerTLS
		let   string // names of shown, in order of the alphabet
	}{
		"None":                      {config.ListenerTLS{}, "a stranger's, a user, expired, none, of a server, sip URI, to sign code, trunk, user and trunk"},
		"Optional":                  {config.ListenerTLS{ClientAuth: "Optional", ClientCA: "ca"}, "a user, none, of a server, sip URI, trunk, user and trunk"},
		"Require":                   {config.ListenerTLS{ClientAuth: "Require", ClientCA: "ca"}, "a user, of a server, sip URI, trunk, user and trunk"},
		"a domain":                  {config.ListenerTLS{ClientAuth: "Require", ClientCA: "ca", ClientNames: []string{"x.example", "Trunk.Example."}}, "of a server, trunk, user and trunk"},
		"a domain, optional":        {config.ListenerTLS{ClientAuth: "Optional", ClientCA: "ca", ClientNames: []string{"trunk.example"}}, "none, of a server, trunk, user and trunk"},
		"that of a URI":             {config.ListenerTLS{ClientAuth: "Require", ClientCA: "ca", ClientNames: []string{"peer.example"}}, "sip URI"},
		"a URI":                     {config.ListenerTLS{ClientAuth: "Require", ClientCA: "ca", ClientNames: []string{"SIP:bob@peer.example"}}, "a user, user and trunk"},
		"another's user":            {config.ListenerTLS{ClientAuth: "Require", ClientCA: "ca", ClientNames: []string{"sip:BOB@peer.example"}}, ""},
		"no wildcard":               {config.ListenerTLS{ClientAuth: "Require", ClientCA: "ca", ClientNames: []string{"a.wild.example"}}, ""},
		"no authority yet":          {config.ListenerTLS{ClientAuth: "Require", ClientCA: "missing"}, ""},
		"no authority yet, neither": {config.ListenerTLS{ClientAuth: "Optional", ClientCA: "missing"}, "none"},
	} {
		rules := tt.rules
		rules.Certificates = []string{filepath.Join(root, "tls")}
		if rules.ClientCA != "" {
			rules.ClientCA = filepath.Join(root, rules.ClientCA)
		}
		s, _ := opened(t, rules)
		for who, i := range shown {
			want := strings.Contains(", "+tt.let+",", ", "+who+",")
			if _, _, err := dial(t, s, showing(i)); (err == nil) != want {
				t.Errorf("%s: %s is let in: %v (%v), want %v", name, who, err == nil, err, want)
			}
		}
	}
}

// showing is a client that shows a certificate whether it is asked for it or not, nil for
// none.
func showing(i *issued) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if i == nil {
			return &tls.Certificate{}, nil
		}
		return &i.pair, nil
	}}
}

// TestResumedSessionIsLookedAtAnew: whose authority is no more trusted does not come back
// by a session from before.
func TestResumedSessionIsLookedAtAnew(t *testing.T) {
	ca, next, root := newMaker(t, "ca"), newMaker(t, "next"), t.TempDir()
	mount(t, filepath.Join(root, "tls"), ca.server("sip.example").secret())
	mount(t, filepath.Join(root, "ca"), map[string][]byte{authorityFile: ca.pem()})
	s, _ := opened(t, config.ListenerTLS{Certificates: []string{filepath.Join(root, "tls")}, ClientAuth: "Require", ClientCA: filepath.Join(root, "ca")})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		mount(t, filepath.Join(root, "ca"), map[string][]byte{authorityFile: ca.pem()})
		s.read(false)
		c := showing(ca.client(x509.ExtKeyUsageClientAuth, []string{"a.example"}))
		c.MaxVersion, c.ServerName, c.ClientSessionCache = version, "sip.example", tls.NewLRUClientSessionCache(1)
		for _, resumed := range []bool{false, true} {
			conn, _, err := dial(t, s, c)
			if err != nil || conn.ConnectionState().DidResume != resumed {
				t.Fatalf("%s: %v, resumed is to be %v", tls.VersionName(version), err, resumed)
			}
		}
		mount(t, filepath.Join(root, "tls"), ca.server("sip.example").secret())
		s.read(false)
		if conn, _, err := dial(t, s, c); err != nil || !conn.ConnectionState().DidResume {
			t.Fatalf("%s, with another certificate of the server: %v", tls.VersionName(version), err)
		}
		mount(t, filepath.Join(root, "ca"), map[string][]byte{authorityFile: next.pem()})
		s.read(false)
		if _, _, err := dial(t, s, c); err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestAuthorityThatCannotBeUsed: the last one stays.
func TestAuthorityThatCannotBeUsed(t *testing.T) {
	ca, root := newMaker(t, "ca"), t.TempDir()
	mount(t, filepath.Join(root, "tls"), ca.server("sip.example").secret())
	authority := filepath.Join(root, "ca")
	mount(t, authority, map[string][]byte{authorityFile: ca.pem()})
	s, _ := opened(t, config.ListenerTLS{Certificates: []string{filepath.Join(root, "tls")}, ClientAuth: "Require", ClientCA: authority})
	client := ca.client(x509.ExtKeyUsageClientAuth, []string{"a.example"})
	for name, tt := range map[string]struct{ content, want string }{
		"nothing":         {"", "there is no certificate in it"},
		"a key":           {string(client.key), "there is no certificate in it"},
		"garbage":         {"garbage", "there is no certificate in it"},
		"garbage in PEM":  {string(pemOf("CERTIFICATE", []byte("no"))), "x509"},
		"garbage in part": {string(ca.pem()) + string(pemOf("CERTIFICATE", []byte("no"))), "x509"},
	} {
		mount(t, authority, map[string][]byte{authorityFile: []byte(tt.content)})
		s.read(false)
		if fault := s.Status()[1].Fault; !strings.Contains(fault, tt.want) {
			t.Errorf("%s: %q, want %q", name, fault, tt.want)
		}
		if _, _, err := dial(t, s, showing(client)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzClientURI: a URI is of the domain that it names, or of none.
func FuzzClientURI(f *testing.F) {
	for _, text := range []string{"sip:example.com", "sip:Example.com:5061", "SIP:[2001:db8::1]:5061;lr", "sip:bob@example.com", "sips:example.com", "spiffe://a/b", "sip:", "urn:uuid:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		d := domainOf(u)
		if d != "" && (strings.ContainsAny(d, "@;") || canonical(d) != d || !strings.Contains(canonical(u.Opaque), d)) {
			t.Fatalf("%q is of %q", text, d)
		}
		if leaf := (&x509.Certificate{URIs: []*url.URL{u}}); !newClients(nil, []string{text}).mayBe(leaf) && strings.Contains(text, ":") {
			t.Fatalf("%q is not what it names", text)
		}
	})
}

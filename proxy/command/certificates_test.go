package command

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/certificates"
)

// certify puts a certificate into a directory of the folder that expires at a time.
func (f *folder) certify(directory string, expires time.Time) {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: expires}
	crt, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.MkdirAll(f.file(directory), 0o700); err != nil {
		f.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: crt}, "tls.key": {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(f.file(directory+"/"+name), pem.EncodeToMemory(block), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

// withTLS has the folder's proxies listen by TLS too.
func (f *folder) withTLS(directory string) {
	f.t.Helper()
	f.write("config.yaml", fmt.Appendf(nil, "cluster: test\ndomains: [example.com]\nlogLevel: error\nports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\n"+
		"listeners: [{name: udp, port: 15060}, {name: tls, protocol: TLS, port: 15061, tls: {certificates: [%q]}}]\n", f.file(directory)))
}

// dialTLS connects to a member's listener of TLS, as a phone does that looks at nothing.
func (f *folder) dialTLS(member int) *tls.Conn {
	f.t.Helper()
	c, err := tls.Dial("tcp", net.JoinHostPort(f.set.Members[member-1].Address, "15061"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// ping sends a keep-alive (RFC 5626 3.5.1), and wants the answer.
func ping(t *testing.T, which int, c *tls.Conn) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("\r\n\r\n")); err != nil {
		t.Errorf("connection %d: %v", which, err)
		return
	}
	if answer, err := io.ReadAll(io.LimitReader(c, 2)); err != nil || string(answer) != "\r\n" {
		t.Errorf("connection %d: %q, %v", which, answer, err)
	}
}

// TestProxyFollowsItsCertificates: a proxy starts without one, says so, and takes what
// comes.
func TestProxyFollowsItsCertificates(t *testing.T) {
	f := newFolder(t, 1)
	f.withTLS("tls")
	f.start("m1", "--address", f.set.Members[0].Address, "--keys", f.file("keys.json"))
	f.await(1, "/readyz", ready)
	certificate := func() certificates.Status {
		var s struct{ Certificates []certificates.Status }
		_, body := f.get(1, "/v1/status")
		if err := json.Unmarshal([]byte(body), &s); err != nil || len(s.Certificates) != 1 {
			t.Fatalf("%s: %v", body, err)
		}
		return s.Certificates[0]
	}
	if c := certificate(); c.Listener != "tls" || c.Certificate != f.file("tls") || !strings.Contains(c.Fault, "no such file") || !c.Expires.IsZero() {
		t.Errorf("without one: %+v", c)
	}
	var connected []*tls.Conn
	for _, days := range []time.Duration{10, 20} {
		expires := time.Now().Add(days * 24 * time.Hour).Truncate(time.Second)
		f.certify("tls", expires)
		f.until("a certificate", func() bool { c := certificate(); return c.Fault == "" && c.Expires.Equal(expires) })
		shown := fmt.Sprintf(`sipring_proxy_certificate_expiry_timestamp_seconds{certificate=%q,listener="tls"} %g`, f.file("tls"), float64(expires.Unix()))
		f.until("its end is shown", func() bool { _, text := f.get(1, "/metrics"); return strings.Contains(text, shown) })
		c := f.dialTLS(1)
		if got := c.ConnectionState().PeerCertificates[0].NotAfter; !got.Equal(expires) {
			t.Errorf("a phone is shown one until %s, want %s", got, expires)
		}
		connected = append(connected, c)
	}
	for i, c := range connected { // whatever became of the files since
		ping(t, i, c)
	}
	if err := os.WriteFile(f.file("tls/tls.crt"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.until("garbage is told of", func() bool { c := certificate(); return c.Fault != "" && !c.Expires.IsZero() })
}

package certificates

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// maker is an authority that makes certificates.
type maker struct {
	t    testing.TB
	cert *x509.Certificate
	key  crypto.Signer
}

var serial int64

func newMaker(t testing.TB, name string) *maker {
	t.Helper()
	m := &maker{t: t, key: newECDSA(t)}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	m.cert = m.sign(template, template, m.key)
	return m
}

func newECDSA(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRSA(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (m *maker) sign(template, parent *x509.Certificate, key crypto.Signer) *x509.Certificate {
	m.t.Helper()
	serial++
	template.SerialNumber = big.NewInt(serial)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// issued is a certificate and its key.
type issued struct {
	crt, key []byte // PEM
	pair     tls.Certificate
}

func (m *maker) issue(template *x509.Certificate, key crypto.Signer) *issued {
	m.t.Helper()
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(100*time.Hour)
	}
	c := m.sign(template, m.cert, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		m.t.Fatal(err)
	}
	i := &issued{crt: pemOf("CERTIFICATE", c.Raw), key: pemOf("PRIVATE KEY", der)}
	if i.pair, err = tls.X509KeyPair(i.crt, i.key); err != nil {
		m.t.Fatal(err)
	}
	return i
}

// server is a certificate for some names.
func (m *maker) server(names ...string) *issued {
	m.t.Helper()
	return m.issue(&x509.Certificate{DNSNames: names}, newECDSA(m.t))
}

// client is one with some names and URIs, for a use.
func (m *maker) client(use x509.ExtKeyUsage, dns []string, uris ...string) *issued {
	m.t.Helper()
	template := &x509.Certificate{DNSNames: dns, ExtKeyUsage: []x509.ExtKeyUsage{use}}
	for _, text := range uris {
		u, err := url.Parse(text)
		if err != nil {
			m.t.Fatal(err)
		}
		template.URIs = append(template.URIs, u)
	}
	return m.issue(template, newECDSA(m.t))
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (m *maker) pem() []byte { return pemOf("CERTIFICATE", m.cert.Raw) }

// secret is what a mounted Secret has.
func (i *issued) secret() map[string][]byte {
	return map[string][]byte{certificateFile: i.crt, keyFile: i.key}
}

// mount makes a directory what the kubelet makes of a Secret, in one step: each key is a
// link through ..data, which is renamed to another directory.
func mount(t testing.TB, dir string, keys map[string][]byte) {
	t.Helper()
	serial++
	version := fmt.Sprintf("..version_%d", serial)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, version), 0o755))
	for name, content := range keys {
		must(os.WriteFile(filepath.Join(dir, version, name), content, 0o600))
	}
	must(os.Symlink(version, filepath.Join(dir, "..data_tmp")))
	must(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	for name := range keys {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); !os.IsExist(err) {
			must(err)
		}
	}
	links, err := filepath.Glob(filepath.Join(dir, "[^.]*"))
	must(err)
	for _, link := range links {
		if _, ok := keys[filepath.Base(link)]; !ok {
			must(os.Remove(link))
		}
	}
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

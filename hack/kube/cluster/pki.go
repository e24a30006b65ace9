//go:build linux

package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certLifetime is far longer than any cluster is kept.
const certLifetime = 30 * 24 * time.Hour

// authority issues every certificate of one cluster. Its key is never written
// down.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// identity is what a certificate says of its holder.
type identity struct {
	// name and groups are the user and groups that Kubernetes sees.
	name   string
	groups []string
	// hosts are the names and addresses a server is reached by.
	hosts []string
}

func newAuthority(dir string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certTemplate(identity{name: "sipring-kube"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage |= x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("issue authority's certificate: %w", err)
	}
	a := &authority{dir: dir, key: key}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, writePEM(a.path("ca.crt"), "CERTIFICATE", der)
}

// issue writes NAME.crt and NAME.key.
func (a *authority) issue(file string, id identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, certTemplate(id), a.cert, &key.PublicKey, a.key)
	if err != nil {
		return fmt.Errorf("issue certificate %s: %w", file, err)
	}
	if err := writePEM(a.path(file+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	return a.writeKey(file, key)
}

func (a *authority) writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(a.path(file+".key"), "EC PRIVATE KEY", der)
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func certTemplate(id identity) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails since Go 1.24
	c := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: id.name, Organization: id.groups},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(certLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, host := range id.hosts {
		if ip := net.ParseIP(host); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, host)
		}
	}
	return c
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// kubeconfig writes a kubeconfig for the holder of the certificate named file,
// with everything inline so that it can be copied.
func (a *authority) kubeconfig(path, file, server string) error {
	files := map[string][]byte{}
	for _, name := range []string{"ca.crt", file + ".crt", file + ".key"} {
		raw, err := os.ReadFile(a.path(name))
		if err != nil {
			return err
		}
		files[name] = raw
	}
	config := clientConfig(server, files["ca.crt"], files[file+".crt"], files[file+".key"])
	return os.WriteFile(path, config, 0o600)
}

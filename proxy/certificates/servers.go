package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
)

// VerifyServer says, as transport.ListenConfig.Verify, whether who was connected to is the
// domain, or has the address, that it is to be: by the certificate's SIP URIs, or else its
// DNS names, none of which is a wildcard (RFC 5922 7.1 and 7.2). It is signed for by one of
// roots; nil are the system's.
func VerifyServer(roots *x509.CertPool) func(name string, s tls.ConnectionState) error {
	return func(name string, s tls.ConnectionState) error {
		leaf := s.PeerCertificates[0] // a server always shows one
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, one := range s.PeerCertificates[1:] {
			o.Intermediates.AddCert(one)
		}
		if _, err := leaf.Verify(o); err != nil {
			return fmt.Errorf("certificates: the server's: %w", err)
		}
		if _, err := netip.ParseAddr(name); err == nil {
			return leaf.VerifyHostname(name)
		}
		if !slices.Contains(domainsOf(leaf), canonical(name)) {
			return fmt.Errorf("certificates: the server's is not of %s", name)
		}
		return nil
	}
}

package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

var errName = errors.New("certificates: the client's is of nobody who may connect")

// clients are those that may show a certificate. Immutable.
type clients struct {
	roots   *x509.CertPool
	domains []string
	uris    []string
}

func newClients(roots *x509.CertPool, names []string) *clients {
	c := &clients{roots: roots}
	for _, name := range names {
		if u, err := url.Parse(name); err == nil && strings.Contains(name, ":") {
			c.uris = append(c.uris, canonicalURI(u))
		} else {
			c.domains = append(c.domains, canonical(name))
		}
	}
	return c
}

// verify is tls.Config.VerifyConnection, which is asked of resumed sessions too: what is
// a client's certificate now has to be good now. One that is for servers only does: so
// are those of other domains' proxies, which authorities that everybody knows make no
// others for.
func (c *clients) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil // who has to show one has done so
	}
	leaf := state.PeerCertificates[0]
	o := x509.VerifyOptions{Roots: c.roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	for _, one := range state.PeerCertificates[1:] {
		o.Intermediates.AddCert(one)
	}
	if _, err := leaf.Verify(o); err != nil {
		return fmt.Errorf("certificates: the client's: %w", err)
	}
	if !c.mayBe(leaf) {
		return errName
	}
	return nil
}

// mayBe says whether a certificate is of one of the names, if there are any.
func (c *clients) mayBe(leaf *x509.Certificate) bool {
	if len(c.domains)+len(c.uris) == 0 {
		return true
	}
	return slices.ContainsFunc(domainsOf(leaf), func(d string) bool { return slices.Contains(c.domains, d) }) ||
		slices.ContainsFunc(leaf.URIs, func(u *url.URL) bool { return slices.Contains(c.uris, canonicalURI(u)) })
}

// domainsOf are the SIP domains that a certificate is of: those of its SIP URIs without
// a user, and its DNS names if it has none of these (RFC 5922 7.1). A wildcard is a name
// like any other, and so that of no domain (RFC 5922 7.2).
func domainsOf(leaf *x509.Certificate) (domains []string) {
	for _, u := range leaf.URIs {
		if d := domainOf(u); d != "" {
			domains = append(domains, d)
		}
	}
	if len(domains) > 0 {
		return domains
	}
	for _, name := range leaf.DNSNames {
		domains = append(domains, canonical(name))
	}
	return domains
}

// domainOf is the host of a SIP URI without a user; empty for any other.
func domainOf(u *url.URL) string {
	if !strings.EqualFold(u.Scheme, "sip") || u.Opaque == "" || strings.Contains(u.Opaque, "@") {
		return ""
	}
	host, _, _ := strings.Cut(u.Opaque, ";")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return canonical(host)
}

// canonicalURI is a URI as those that are the same are written: schemes and hosts are the
// same whatever their case.
func canonicalURI(u *url.URL) string {
	same := *u
	same.Scheme, same.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if at := strings.LastIndexByte(u.Opaque, '@'); u.Opaque != "" {
		same.Opaque = u.Opaque[:at+1] + strings.ToLower(u.Opaque[at+1:])
	}
	return same.String()
}

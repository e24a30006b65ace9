package fleet

import (
	"fmt"
	"net/netip"
	"path/filepath"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

// Port is where the cluster is reached over a transport; 0: nowhere.
func (n *Network) Port(t flow.Transport) int {
	switch t {
	case flow.UDP, flow.TCP:
		return n.Ports.SIP
	case flow.TLS:
		return n.TLS
	case flow.WSS:
		return n.WSS
	}
	return 0
}

// Entry is where phones of a transport send, or connect.
func (n *Network) Entry(t flow.Transport) netip.AddrPort {
	return netip.AddrPortFrom(n.Host(1), uint16(n.Port(t)))
}

// Listeners are the cluster's of UDP, TCP, TLS and WSS, with the certificate that is in
// the folder certificates.
func (n *Network) Listeners(certificates string) (all []config.Listener) {
	for _, t := range []flow.Transport{flow.UDP, flow.TCP, flow.TLS, flow.WSS} {
		l := config.Listener{Name: t.String(), Protocol: t.String(), Port: n.Port(t)}
		if t.Secure() {
			l.TLS = &config.ListenerTLS{Certificates: []string{certificates}}
		}
		all = append(all, l)
	}
	return all
}

// CertificateFolder is where the cluster's certificate is, in the folder of WriteFiles.
func CertificateFolder(dir string) string { return filepath.Join(dir, "certificate") }

// WriteCertificate writes one for a name into the folder's CertificateFolder.
func (a *Authority) WriteCertificate(dir, name string) error {
	c, err := a.Issue(name)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", name, err)
	}
	return c.write(CertificateFolder(dir))
}

package routing

import (
	"slices"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/wire"
)

// names are the hosts that lead to the cluster, in the form of
// wire.CanonicalHost, and the ports at which they do.
type names map[string]ports

// ports of one host.
type ports struct {
	// none: also without a port. That is the default one for an address, and
	// for a name whatever DNS says (RFC 3263 4.2).
	none bool
	list []uint16
}

// add makes host at port one of the names, 0 standing for no port.
func (n names) add(host string, port int) {
	form := canonical(host)
	p := n[form]
	_, literal := wire.HostAddr([]byte(host))
	if port == 0 || port == config.DefaultSIPPort || !literal {
		p.none = true
	}
	if port != 0 && !slices.Contains(p.list, uint16(port)) {
		p.list = append(p.list, uint16(port))
	}
	n[form] = p
}

// canonical is wire.CanonicalHost for texts.
func canonical(host string) string { return string(wire.CanonicalHost(nil, []byte(host))) }

// host finds a host, without regard to ports.
func (n names) host(host []byte) (ports, bool) {
	var buf [maxHost]byte
	if len(host) > maxHost-16 {
		return ports{}, false
	}
	p, ok := n[string(wire.CanonicalHost(buf[:0], host))]
	return p, ok
}

// maxHost is the space for a host in canonical form. Hosts longer than any DNS
// name are not ours.
const maxHost = 256

// names reports whether a URI is the cluster's address, one of its members', an
// alias, or a domain served here (RFC 3261 16.4), whoever its user is.
func (t *Tables) names(u *wire.URI) bool {
	p, ok := t.reached.host(u.Host)
	if !ok || t.foreignMaddr(u) {
		return false
	}
	switch {
	case u.HasPort:
		return slices.Contains(p.list, u.Port)
	case p.none:
		return true
	}
	return isSecure(u) && slices.Contains(p.list, defaultTLSPort)
}

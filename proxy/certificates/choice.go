package certificates

import (
	"crypto/tls"
	"errors"
	"strings"
)

var errNone = errors.New("certificates: none of the listener's could be read yet")

// choice finds the certificate for the name that a client asks for. Immutable.
type choice struct {
	all   []*tls.Certificate
	exact map[string][]*tls.Certificate // by name
	wild  map[string][]*tls.Certificate // by what is behind "*."
}

func newChoice(pairs []*source) *choice {
	c := &choice{exact: map[string][]*tls.Certificate{}, wild: map[string][]*tls.Certificate{}}
	for _, src := range pairs {
		if src.good == nil {
			continue
		}
		c.all = append(c.all, src.good.pair)
		for _, name := range src.good.names {
			name = canonical(name)
			if behind, ok := strings.CutPrefix(name, "*."); ok {
				c.wild[behind] = append(c.wild[behind], src.good.pair)
			} else {
				c.exact[name] = append(c.exact[name], src.good.pair)
			}
		}
	}
	return c
}

// canonical is a name as all that are the same are written (RFC 4343).
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// of is tls.Config.GetCertificate: the certificate for the name that is asked for, one
// for all names of the domain if there is no other (RFC 6125 6.4.3), and the first one
// for any other name (RFC 6066 3). Of several for a name it is the first of a kind that
// the client can use.
func (c *choice) of(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if len(c.all) == 0 {
		return nil, errNone
	}
	candidates := c.named(canonical(hello.ServerName))
	for _, one := range candidates {
		if len(candidates) > 1 && hello.SupportsCertificate(one) == nil {
			return one, nil
		}
	}
	return candidates[0], nil
}

// named are those for a name, at least one.
func (c *choice) named(name string) []*tls.Certificate {
	if name == "" {
		return c.all
	}
	if found := c.exact[name]; len(found) > 0 {
		return found
	}
	if label, behind, ok := strings.Cut(name, "."); ok && label != "" && len(c.wild[behind]) > 0 {
		return c.wild[behind]
	}
	return c.all[:1]
}

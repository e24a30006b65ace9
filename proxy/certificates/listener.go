package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/config"
)

// listener is one that has TLS.
type listener struct {
	name    string
	rules   *config.ListenerTLS
	pairs   []*source
	ca      *source     // nil: no client is asked for a certificate
	served  *tls.Config // asks for current. Its keys of session tickets are those of all that are
	current atomic.Pointer[tls.Config]
}

func newListener(l *config.Listener) *listener {
	made := &listener{name: l.Name, rules: l.TLS}
	for _, dir := range l.TLS.Certificates {
		made.pairs = append(made.pairs, newPair(dir))
	}
	if l.TLS.ClientCA != "" {
		made.ca = newAuthority(l.TLS.ClientCA)
	}
	made.served = &tls.Config{
		MinVersion:         made.minVersion(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return made.current.Load(), nil },
	}
	return made
}

// sources are all directories.
func (l *listener) sources() []*source {
	if l.ca == nil {
		return l.pairs
	}
	return append(l.pairs[:len(l.pairs):len(l.pairs)], l.ca)
}

func (l *listener) minVersion() uint16 {
	if l.rules.MinVersion == config.MinVersion13 {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// build is what is in force by what has been read.
func (l *listener) build() *tls.Config {
	chosen := newChoice(l.pairs)
	c := &tls.Config{MinVersion: l.minVersion(), GetCertificate: chosen.of}
	switch l.rules.ClientAuth {
	case config.ClientAuthOptional:
		c.ClientAuth = tls.RequestClientCert
	case config.ClientAuthRequire:
		c.ClientAuth = tls.RequireAnyClientCert
	default:
		return c
	}
	// An empty pool, not none: that would be the system's.
	c.ClientCAs = x509.NewCertPool()
	if l.ca != nil && l.ca.good != nil {
		c.ClientCAs = l.ca.good.pool
	}
	c.VerifyConnection = newClients(c.ClientCAs, l.rules.ClientNames).verify
	return c
}

package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// identity is how a member proves that it holds a cluster key: an Ed25519 key
// derived from the shared secret, in a certificate signed by itself. Both
// sides of a stream present one, and accept exactly the public keys derived
// from the keys in force. There is no certificate authority to run and nothing
// that expires; rotating the secret rotates the identity, also of a member that
// runs. Safe for concurrent use.
type identity struct{ valid atomic.Pointer[identityKeys] }

// identityKeys is an identity by the keys that are in force at one time.
type identityKeys struct {
	certificate tls.Certificate
	accepted    []ed25519.PublicKey
	proofs      [][]byte // the keys of proofs, our own first
}

var errForeign = errors.New("peer does not hold a key of this cluster")

func newIdentity(keys *config.Keys) (*identity, error) {
	id := &identity{}
	return id, id.replace(keys)
}

// replace puts other keys in force for the handshakes to come.
func (id *identity) replace(keys *config.Keys) error {
	c, err := newIdentityKeys(keys)
	if err == nil {
		id.valid.Store(c)
	}
	return err
}

func newIdentityKeys(keys *config.Keys) (*identityKeys, error) {
	c := &identityKeys{proofs: proofKeys(keys)}
	for i, k := range keys.Keys {
		private := ed25519.NewKeyFromSeed(k.Derive(config.PurposePeer))
		public, _ := private.Public().(ed25519.PublicKey)
		c.accepted = append(c.accepted, public)
		if i > 0 {
			continue
		}
		certificate, err := selfSigned(private, public)
		if err != nil {
			return nil, fmt.Errorf("peer identity: %w", err)
		}
		c.certificate = certificate
	}
	return c, nil
}

func selfSigned(private ed25519.PrivateKey, public ed25519.PublicKey) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "sipring peer"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280 4.1.2.5: no well-defined expiry
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}

// verify accepts a connection whose certificate carries a key in force. TLS
// itself has proved that the peer holds the private half.
func (id *identity) verify(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) != 1 {
		return errForeign
	}
	public, ok := cs.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || !slices.ContainsFunc(id.valid.Load().accepted, func(a ed25519.PublicKey) bool { return a.Equal(public) }) {
		return errForeign
	}
	return nil
}

// trusts tells whether the peer of a connection whose handshake is over holds a
// key that is in force now.
func (id *identity) trusts(conn net.Conn) bool {
	tc, ok := conn.(*tls.Conn)
	return ok && id.verify(tc.ConnectionState()) == nil
}

// config serves both directions of a stream, with the keys in force at each
// handshake.
func (id *identity) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &id.valid.Load().certificate, nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &id.valid.Load().certificate, nil
		},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, //nolint:gosec // verify pins the public key instead of a name and a chain
		VerifyConnection:       id.verify,
		SessionTicketsDisabled: true,
		NextProtos:             []string{"sipring-peer/1"},
	}
}

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
	"slices"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// identity is how a member proves that it holds a cluster key: an Ed25519 key
// derived from the shared secret, in a certificate signed by itself. Both
// sides of a stream present one, and accept exactly the public keys derived
// from the keys in force. There is no certificate authority to run and nothing
// that expires; rotating the secret rotates the identity.
type identity struct {
	certificate tls.Certificate
	accepted    []ed25519.PublicKey
	proofs      [][]byte // the keys of proofs, our own first
}

var errForeign = errors.New("peer does not hold a key of this cluster")

func newIdentity(keys *config.Keys) (*identity, error) {
	id := &identity{proofs: proofKeys(keys)}
	for i, k := range keys.Keys {
		private := ed25519.NewKeyFromSeed(k.Derive(config.PurposePeer))
		public, _ := private.Public().(ed25519.PublicKey)
		id.accepted = append(id.accepted, public)
		if i > 0 {
			continue
		}
		certificate, err := selfSigned(private, public)
		if err != nil {
			return nil, fmt.Errorf("peer identity: %w", err)
		}
		id.certificate = certificate
	}
	return id, nil
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
	if !ok || !slices.ContainsFunc(id.accepted, func(a ed25519.PublicKey) bool { return a.Equal(public) }) {
		return errForeign
	}
	return nil
}

// config serves both directions of a stream.
func (id *identity) config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{id.certificate},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, //nolint:gosec // verify pins the public key instead of a name and a chain
		VerifyConnection:       id.verify,
		SessionTicketsDisabled: true,
		NextProtos:             []string{"sipring-peer/1"},
	}
}

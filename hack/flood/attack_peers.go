package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// peers holds connections to the peer port open without a word, from an address of
// nobody and from those of the members, and has it make handshakes with whoever
// comes.
func peers(ctx context.Context, s *site) (outcome, error) {
	const silent, shakers = 300, 8
	config, err := strangersTLS()
	if err != nil {
		return outcome{}, err
	}
	var handshakes atomic.Int64
	var wg sync.WaitGroup
	for i := range shakers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if shake(ctx, s.host(attackerHost), s.tcp(i, s.Peer), config) {
					handshakes.Add(1)
				} else {
					wait(ctx, 10*time.Millisecond)
				}
			}
		})
	}
	from := append([]netip.Addr{s.host(attackerHost)}, s.Proxies...)
	opened := hold(ctx, silent, from, func(i int) string { return s.tcp(i/len(from), s.Peer) }, nil)
	wg.Wait()
	return outcome{Note: fmt.Sprintf("%d silent connections, %.0f handshakes/s", opened, float64(handshakes.Load())/s.Seconds)}, nil
}

// shake makes one TLS handshake, and reports whether it came to an end.
func shake(ctx context.Context, from netip.Addr, to string, config *tls.Config) bool {
	c, err := dialer(from).DialContext(ctx, "tcp", to)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	return tls.Client(c, config).HandshakeContext(ctx) == nil
}

// strangersTLS is what a stranger presents who knows what members say to each
// other, but has no key of theirs.
func strangersTLS() (*tls.Config, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{"sipring-peer/1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
	}, nil
}

package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/transport"
)

// echo sends back what comes.
type echo struct{ stack *transport.Stack }

func (e echo) Message(f flow.Flow, data []byte) { _ = e.stack.Send(f, data) }
func (e echo) Closed(flow.Flow, error)          {}

// listen serves until its standard input ends. It says where, and, for each line that
// it is given, when it has given back what memory it does not need.
func listen(t flow.Transport) error {
	c := transport.StreamConfig{Transport: t, Address: netip.MustParseAddrPort("127.0.0.1:0")}
	c.Limits.Places = connlimit.Limits{Total: 1 << 20, PerSource: 1 << 20}
	c.Limits.PerSecond = 1 << 20
	if t.Secure() {
		certificate, err := newCertificate()
		if err != nil {
			return err
		}
		c.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	stack, err := transport.Listen(transport.ListenConfig{Streams: []transport.StreamConfig{c}})
	if err != nil {
		return err
	}
	stack.Serve(echo{stack}, transport.Holder{Owner: 1})
	fmt.Println(stack.Address())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for range 3 { // stacks halve with each
			debug.FreeOSMemory()
		}
		fmt.Println("done")
	}
	return stack.Close()
}

func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

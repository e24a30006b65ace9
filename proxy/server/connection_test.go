package server

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/certificates"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

// connection is what a phone sends over, and is reached over, instead of datagrams.
type connection struct {
	net.Conn
	transport flow.Transport
	host      string // in Via and Contact, where the phone does not know its address
	rest      []byte // read, and no whole message yet
}

// tlsPort is that of the listener of TLS.
const tlsPort = 5061

// everyTransport gives a member a loopback address of its own, with listeners of UDP and
// TCP at one port, and of TLS.
func everyTransport(o *proxyOptions) {
	n := serial.Add(1)
	o.listen = fmt.Sprintf("127.%d.%d.%d:%d", 64+testPID%128, n/250%250, 1+n%250, phonesPort)
	o.config.Listeners = []config.Listener{
		{Name: "udp", Protocol: config.ProtocolUDP, Port: phonesPort},
		{Name: "tcp", Protocol: config.ProtocolTCP, Port: phonesPort},
		{Name: "tls", Protocol: config.ProtocolTLS, Port: tlsPort, TLS: &config.ListenerTLS{Certificates: []string{"/given"}}},
	}
	o.tls = map[string]*tls.Config{"tls": {Certificates: []tls.Certificate{ownCertificate()}}}
	o.config.ApplyDefaults()
}

// ownCertificate is one that nobody has signed but its owner.
var ownCertificate = sync.OnceValue(func() tls.Certificate { return certificateOf("sip.cluster.example") })

// certificateOf is a certificate of names, of which those with a colon are URIs. It vouches
// for itself.
func certificateOf(names ...string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	for _, name := range names {
		if scheme, rest, uri := strings.Cut(name, ":"); uri {
			template.URIs = append(template.URIs, &url.URL{Scheme: scheme, Opaque: rest})
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// trusting has a member take the word of certificates for whose they are.
func trusting(all ...tls.Certificate) func(*proxyOptions) {
	roots := x509.NewCertPool()
	for _, c := range all {
		roots.AddCert(c.Leaf)
	}
	return func(o *proxyOptions) { o.verify = certificates.VerifyServer(roots) }
}

// newPhoneOver is a phone with a connection to a member.
func newPhoneOver(t testing.TB, over flow.Transport, user string, x *proxy) *phone {
	t.Helper()
	p := &phone{t: t, user: user, heard: map[string]bool{}}
	if over == flow.UDP {
		return newPhone(t, user)
	}
	p.connect(over, x)
	return p
}

// connect has the phone use a new connection from now on. Another one that it has stays
// as it is.
func (p *phone) connect(over flow.Transport, x *proxy) {
	p.t.Helper()
	to := x.addr
	if over == flow.TLS {
		to = netip.AddrPortFrom(to.Addr(), tlsPort)
	}
	conn, err := net.Dial("tcp", to.String())
	if err != nil {
		p.t.Fatal(err)
	}
	if over == flow.TLS {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // other tests see whose certificate it is
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	p.over, p.addr = &connection{Conn: conn, transport: over}, conn.LocalAddr().(*net.TCPAddr).AddrPort()
}

// hangsUp waits until the far end has ended the connection.
func (p *phone) hungUp() {
	p.t.Helper()
	_ = p.over.SetReadDeadline(time.Now().Add(patience))
	var one [1]byte
	for {
		if _, err := p.over.Read(one[:]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.t.Fatal("the connection is still there")
			}
			return
		}
	}
}

// send sends a message: the phone's own Via names the transport.
func (c *connection) send(p *phone, message []byte) {
	p.t.Helper()
	own := "SIP/2.0/UDP " + p.addr.String()
	message = bytes.Replace(message, []byte(own), []byte("SIP/2.0/"+c.transport.String()+" "+cmp.Or(c.host, p.addr.String())), 1)
	if _, err := c.Write(message); err != nil {
		p.t.Fatal(err)
	}
}

// receive waits for the next message; nil after d, or at the end of the connection.
func (c *connection) receive(p *phone, d time.Duration) *received {
	p.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(d))
	for {
		if n := messageLen(c.rest); n > 0 {
			r := p.read(c.RemoteAddr().(*net.TCPAddr).AddrPort(), c.rest[:n])
			c.rest = c.rest[n:]
			return r
		}
		buf := make([]byte, 65535)
		n, err := c.Read(buf)
		if err != nil {
			return nil
		}
		c.rest = append(c.rest, buf[:n]...)
	}
}

// messageLen is how long the message that b begins with is, 0 if it is not all there.
func messageLen(b []byte) int {
	header, _, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return 0
	}
	_, length, ok := bytes.Cut(bytes.ToLower(header), []byte("content-length:"))
	if !ok {
		panic(fmt.Sprintf("a message without Content-Length over a connection (RFC 3261 18.3):\n%s", header))
	}
	length, _, _ = bytes.Cut(length, []byte("\r\n"))
	n, err := strconv.Atoi(string(bytes.TrimSpace(length)))
	if err != nil || len(b) < len(header)+4+n {
		return 0
	}
	return len(header) + 4 + n
}

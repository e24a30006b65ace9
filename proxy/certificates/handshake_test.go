package certificates

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

const patience = 20 * time.Second

// listenerOf is a listener of TLS as a configuration has it.
func listenerOf(name string, rules config.ListenerTLS) []config.Listener {
	c := &config.Config{Listeners: []config.Listener{{Name: name, Protocol: config.ProtocolTLS, TLS: &rules}}}
	c.ApplyDefaults()
	return c.Listeners
}

// opened is a Store that reads what it is given no notice of in an hour only.
func opened(t testing.TB, rules config.ListenerTLS) (*Store, *Metrics) {
	t.Helper()
	m := NewMetrics()
	s := open(listenerOf("tls", rules), nil, m, time.Hour)
	t.Cleanup(s.Close)
	return s, m
}

// dial shakes hands with a server of the Store, and returns both ends. What the server
// says is the error: it has the last word on a client's certificate.
func dial(t testing.TB, s *Store, c *tls.Config) (client, server *tls.Conn, err error) {
	t.Helper()
	near, far := pipe(t)
	client, server = tls.Client(near, c), tls.Server(far, s.TLS()["tls"])
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := server.HandshakeContext(ctx)
		if err != nil {
			_ = far.Close()
		}
		done <- err
	}()
	if err := client.HandshakeContext(ctx); err != nil {
		_ = near.Close()
		if of := <-done; of != nil {
			return nil, nil, of
		}
		return nil, nil, err
	}
	if err := exchange(client, server); err != nil { // reads what comes after the handshake, too
		_ = near.Close()
		if of := <-done; of != nil {
			return nil, nil, of
		}
		return nil, nil, err
	}
	return client, server, <-done
}

// pipe is a connection over loopback: each end may write before the other reads.
func pipe(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// exchange has a byte go each way.
func exchange(a, b *tls.Conn) error {
	end := time.Now().Add(patience)
	_, _ = a.SetDeadline(end), b.SetDeadline(end)
	for _, way := range [][2]*tls.Conn{{a, b}, {b, a}} {
		sent := make(chan error, 1)
		go func() {
			_, err := way[0].Write([]byte("x"))
			sent <- err
		}()
		if _, err := way[1].Read(make([]byte, 1)); err != nil {
			return err
		}
		if err := <-sent; err != nil {
			return err
		}
	}
	return nil
}

// served is the first name of the certificate that a client is shown which asks for a
// name.
func served(t testing.TB, s *Store, name string) string {
	t.Helper()
	c, _, err := dial(t, s, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		return err.Error()
	}
	return c.ConnectionState().PeerCertificates[0].DNSNames[0]
}

// until waits for a condition.
func until(t testing.TB, what string, within time.Duration, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %s: %s", within, what)
		}
	}
}

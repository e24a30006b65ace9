package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/sipring/sipring/proxy/connlimit"
)

// bounds of one port: its connections, how long each may take for what, and how
// long a request's header may be.
type bounds struct {
	places                     connlimit.Limits
	header, read, write, pause time.Duration
	maxHeader                  int
}

// Who asks for a probe asks once, on a connection of its own, and gets it before
// the oldest of so many makes room.
var (
	adminBounds = bounds{
		places: connlimit.Limits{Total: 256, PerSource: 64},
		header: 5 * time.Second, read: 5 * time.Second, write: writeTimeout, pause: 60 * time.Second, maxHeader: 8 << 10,
	}
	healthBounds = bounds{
		places: connlimit.Limits{Total: 256, PerSource: 64},
		header: 2 * time.Second, read: 2 * time.Second, write: 2 * time.Second, pause: time.Second, maxHeader: 4 << 10,
	}
)

const (
	writeTimeout = 10 * time.Second
	maxBodyBytes = 4 << 10
)

// port serves HTTP at an address. It refuses no connection: one that is over the
// bounds takes the place of the oldest that waits for nothing.
type port struct {
	net.Listener
	table *connlimit.Table
	http  *http.Server
}

func listen(address string, b *bounds, h http.Handler, log *slog.Logger) (*port, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	p := &port{Listener: l, table: connlimit.New(b.places)}
	p.http = &http.Server{
		Handler:           paced(http.MaxBytesHandler(h, maxBodyBytes)),
		ReadHeaderTimeout: b.header,
		ReadTimeout:       b.read,
		WriteTimeout:      b.write,
		IdleTimeout:       b.pause,
		MaxHeaderBytes:    b.maxHeader,
		ConnState:         p.follow,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return p, nil
}

// Accept implements net.Listener.
func (p *port) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err == nil {
		p.table.Add(conn)
	}
	return conn, err
}

// follow keeps the table up to date. A connection is busy from when its request's
// header was read until it was answered.
func (p *port) follow(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateActive:
		p.table.Busy(conn)
	case http.StateIdle:
		p.table.Idle(conn)
	case http.StateClosed, http.StateHijacked:
		p.table.Remove(conn)
	}
}

func (p *port) serve(log *slog.Logger) {
	if err := p.http.Serve(p); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Error("admin server ended", "address", p.Addr().String(), "error", err)
	}
}

// close waits a moment for requests under way.
func (p *port) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := p.http.Shutdown(ctx); err != nil {
		return p.http.Close()
	}
	return nil
}

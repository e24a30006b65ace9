package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Config of a Server.
type Config struct {
	// Address to listen on, host:port. Port 0 takes a free one.
	Address string
	// HealthAddress to answer probes on, host:port.
	HealthAddress string
	Backend       Backend
	// Gatherer is what /metrics shows.
	Gatherer prometheus.Gatherer
	// Profiling serves /debug/pprof/.
	Profiling bool
	Log       *slog.Logger
}

// Server is the running HTTP server.
type Server struct {
	admin, health *port
	cancel        context.CancelFunc
	serving       sync.WaitGroup
}

// Start listens and serves until Close. Its error names the setting of the
// address that cannot be had.
func Start(c Config) (*Server, error) {
	health, err := listen(c.HealthAddress, &healthBounds, probes(c.Backend), c.Log)
	if err != nil {
		return nil, fmt.Errorf("ports.health: %w", err)
	}
	health.http.SetKeepAlivesEnabled(false)
	ctx, cancel := context.WithCancel(context.Background())
	admin, err := listen(c.Address, &adminBounds, handler(ctx, &c), c.Log)
	if err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("ports.admin: %w", err), health.Close())
	}
	s := &Server{admin: admin, health: health, cancel: cancel}
	s.serving.Go(func() { admin.serve(c.Log) })
	s.serving.Go(func() { health.serve(c.Log) })
	return s, nil
}

// Address is where the server listens.
func (s *Server) Address() net.Addr { return s.admin.Addr() }

// HealthAddress is where it answers probes.
func (s *Server) HealthAddress() net.Addr { return s.health.Addr() }

// Close ends followers, waits a moment for requests under way, and stops.
func (s *Server) Close() error {
	s.cancel()
	err := errors.Join(s.admin.close(), s.health.close())
	s.serving.Wait()
	return err
}

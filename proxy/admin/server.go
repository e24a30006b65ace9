package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config of a Server.
type Config struct {
	// Address to listen on, host:port. Port 0 takes a free one.
	Address string
	Backend Backend
	// Gatherer is what /metrics shows.
	Gatherer prometheus.Gatherer
	// Profiling serves /debug/pprof/.
	Profiling bool
	Log       *slog.Logger
}

// Bounds of the HTTP server.
const (
	readTimeout    = 5 * time.Second
	writeTimeout   = 10 * time.Second
	idleTimeout    = 60 * time.Second
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 4 << 10
)

// Server is the running HTTP server.
type Server struct {
	listener net.Listener
	http     *http.Server
	cancel   context.CancelFunc
	serving  sync.WaitGroup
}

// Start listens and serves until Close.
func Start(c Config) (*Server, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		listener: l,
		cancel:   cancel,
		http: &http.Server{
			Handler:        http.MaxBytesHandler(handler(ctx, &c), maxBodyBytes),
			ReadTimeout:    readTimeout,
			WriteTimeout:   writeTimeout,
			IdleTimeout:    idleTimeout,
			MaxHeaderBytes: maxHeaderBytes,
			ErrorLog:       slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		},
	}
	s.serving.Go(func() {
		if err := s.http.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("admin server ended", "error", err)
		}
	})
	return s, nil
}

// Address is where the server listens.
func (s *Server) Address() net.Addr { return s.listener.Addr() }

// Close ends followers, waits a moment for requests under way, and stops.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	s.serving.Wait()
	return err
}

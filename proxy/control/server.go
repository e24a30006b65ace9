package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
)

// Bounds of the server.
const (
	maxConnections = 16
	maxHeader      = 16 << 10 // an escaped AOR and contact are in it
	maxAnswer      = 4 << 20
	answerTime     = 60 * time.Second
)

// Backend is the proxy that is asked. An error that is a Problem is told as it says; any other is an error of the proxy.
// All methods are called concurrently.
type Backend interface {
	// Where tells of one AOR, as a person writes it.
	Where(aor string) (*answers.Where, error)
	// Bindings returns a page of at most limit AORs after one that match the glob, which is empty for all.
	Bindings(ctx context.Context, glob, after string, limit int) (*answers.Page, error)
	// Unregister removes a contact of an AOR, as a person writes them, or all of them if the contact is empty. It returns
	// when as many members know as keep copies.
	Unregister(ctx context.Context, aor, contact string) (*answers.Removed, error)
	// Trace gives r the messages that concern an AOR until stop is called.
	Trace(aor string, r *Recorder) (stop func(), err error)
	// Drain has the proxy leave the cluster, unless it does already, and tells how far that has come, with each change, until
	// it is drained or ctx ends: then once more.
	// Whoever asks waits for atMost, which is for the log; 0: that is not known.
	Drain(ctx context.Context, atMost time.Duration, tell func(answers.Drain) error) error
}

// Server answers at one socket.
type Server struct {
	path    string
	socket  os.FileInfo
	handler *handler
	http    *http.Server
	cancel  context.CancelFunc
	ended   chan struct{}
	log     *slog.Logger
}

// Start listens at a path until Close. A socket that an earlier process left there is replaced.
func Start(path string, b Backend, log *slog.Logger) (*Server, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	socket, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{path: path, socket: socket, handler: newHandler(b, log), cancel: cancel, ended: make(chan struct{}), log: log}
	s.http = &http.Server{
		Handler:           http.MaxBytesHandler(s.handler.routes(), 0),
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      answerTime,
		IdleTimeout:       5 * time.Second,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go s.serve(l)
	return s, nil
}

func (s *Server) serve(l net.Listener) {
	defer close(s.ended)
	if err := s.http.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("control server ended", "socket", s.path, "error", err)
	}
}

// Close ends requests under way and removes the socket, unless another process has put its own there since.
func (s *Server) Close() error {
	s.cancel()
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.ended
	if now, statErr := os.Lstat(s.path); statErr == nil && os.SameFile(now, s.socket) {
		err = errors.Join(err, os.Remove(s.path))
	}
	return err
}

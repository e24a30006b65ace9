package certificates

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// Store holds the certificates of listeners, and follows their files. Its methods may be
// called concurrently.
type Store struct {
	log       *slog.Logger
	metrics   *Metrics
	listeners []*listener
	stop      context.CancelFunc
	following sync.WaitGroup

	mu sync.Mutex // held while files are read
}

// Status is what became of one certificate, or of the authority for those of clients.
type Status struct {
	// Listener is its name, Certificate a directory that it has in the configuration, or
	// the file of an authority.
	Listener    string `json:"listener"`
	Certificate string `json:"certificate"`
	// Expires is when what is in use does; zero where nothing is. Of several certificate
	// authorities it is the last of them.
	Expires time.Time `json:"expires,omitzero"`
	// Fault says why the files as they are cannot be used; empty where they are.
	Fault string `json:"fault,omitempty"`
}

// Open reads the certificates of the listeners that have some. They need not be there
// yet: until one is, handshakes fail. log may be nil, and so may m.
func Open(listeners []config.Listener, log *slog.Logger, m *Metrics) *Store {
	return open(listeners, log, m, pollInterval)
}

func open(listeners []config.Listener, log *slog.Logger, m *Metrics, poll time.Duration) *Store {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if m == nil {
		m = NewMetrics()
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{log: log, metrics: m, stop: stop}
	for i := range listeners {
		if listeners[i].TLS != nil {
			s.listeners = append(s.listeners, newListener(&listeners[i]))
		}
	}
	if len(s.listeners) == 0 {
		return s
	}
	for _, l := range s.listeners {
		for _, src := range l.sources() {
			m.begin(l.name, src.name)
		}
	}
	s.read(true)
	s.following.Go(func() { s.follow(ctx, poll) })
	return s
}

// TLS is what each listener serves by, by its name. It stays good for as long as the
// Store is open, whatever becomes of the files.
func (s *Store) TLS() map[string]*tls.Config {
	all := map[string]*tls.Config{}
	for _, l := range s.listeners {
		all[l.name] = l.served
	}
	return all
}

// Status is that of all certificates.
func (s *Store) Status() (all []Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		for _, src := range l.sources() {
			status := Status{Listener: l.name, Certificate: src.name, Fault: src.fault}
			if src.good != nil {
				status.Expires = src.good.expires
			}
			all = append(all, status)
		}
	}
	return all
}

// Close ends the following. What TLS returned goes on with what was read last.
func (s *Store) Close() {
	s.stop()
	s.following.Wait()
}

// read reads what has changed, and puts it in force. first says that nothing was yet.
func (s *Store) read(first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		news := first
		for _, src := range l.sources() {
			result := src.look()
			s.tell(l, src, result)
			news = news || result == loaded
		}
		if news {
			l.current.Store(l.build())
		}
	}
}

// tell counts and logs what reading a directory gave.
func (s *Store) tell(l *listener, src *source, result result) {
	s.metrics.count(l.name, src, result)
	log := s.log.With("listener", l.name, "certificate", src.name)
	switch {
	case result == failed && src.good == nil:
		log.Error("certificate cannot be read, and there is none in its place", "error", src.fault)
	case result == failed:
		log.Error("certificate cannot be read: the one before stays in use", "error", src.fault, "expires", src.good.expires)
	case result == loaded && time.Now().After(src.good.expires):
		log.Error("certificate has expired, and is used", "expired", src.good.expires)
	case result == loaded:
		log.Info("certificate in use", "names", src.good.names, "expires", src.good.expires)
	}
}

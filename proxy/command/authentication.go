package command

import (
	"log/slog"
	"reflect"
	"sync"

	"github.com/sipring/sipring/proxy/auth"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
)

// access is who may register and call: the gate, and the store of users that its rules
// name. Its methods may be called concurrently.
type access struct {
	gate    *auth.Gate
	nonces  *digest.Keys
	metrics *credentials.Metrics
	log     *slog.Logger

	changing sync.Mutex
	closed   bool
	of       *config.Credentials // of store, nil: there is none
	store    credentials.Store
}

// newAccess lets everybody in until follow.
func newAccess(keys *config.Keys, log *slog.Logger) (*access, error) {
	nonces, err := digest.NewKeys(derived(keys, config.PurposeNonce))
	if err != nil {
		return nil, err
	}
	return &access{gate: auth.New(auth.Config{Keys: nonces, Log: log}), nonces: nonces, metrics: credentials.NewMetrics(), log: log}, nil
}

// follow has the rules of a configuration followed. On an error those of before are.
func (a *access) follow(c *config.Config) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	if a.closed {
		return nil
	}
	var of *config.Credentials
	if c.Authentication != nil && !c.Authentication.Open {
		of = &c.Authentication.Credentials
	}
	store, opened := a.store, false
	switch {
	case of == nil:
		store = nil
	case a.of == nil || !reflect.DeepEqual(of, a.of):
		var err error
		if store, err = credentials.Open(of, a.log, a.metrics); err != nil {
			return err
		}
		opened = true
	}
	if err := a.gate.Configure(c, store); err != nil {
		if opened {
			a.end(store)
		}
		return err
	}
	if before := a.store; before != nil && (opened || of == nil) {
		a.end(before) // who waits for it is told that it is away, and comes again
	}
	a.of, a.store = of, store
	return nil
}

// close ends the store. Nothing is followed any more.
func (a *access) close() {
	a.changing.Lock()
	defer a.changing.Unlock()
	if a.closed = true; a.store != nil {
		a.end(a.store)
	}
}

func (a *access) end(s credentials.Store) {
	if err := s.Close(); err != nil {
		a.log.Warn("closing the source of credentials", "error", err)
	}
}

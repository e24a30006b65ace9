package controllers

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deniedFor is how long the operator is not ready after the API server did not let
// it read what it watches; a watch tries again at least every 30 seconds.
const deniedFor = time.Minute

// sight is the operator's cache, which is filled once the operator has its rights,
// and says whether it sees what it works on. Until then the manager starts nothing
// but /healthz and /readyz, and above all does not stand for election: an operator
// that is blind must not succeed one that sees. Safe for concurrent use.
type sight struct {
	cache.Cache

	stop   context.Context // ends when the process is asked to stop
	rights func(ctx context.Context, tell func(lacking string)) error
	now    func() time.Time

	mu       sync.Mutex
	seeing   bool
	lacking  string
	denied   error
	deniedAt time.Time
}

// newSight makes the cache, with an informer for each kind that is watched.
func newSight(stop context.Context, to *rest.Config, o cache.Options, rights func(context.Context, func(string)) error) (*sight, error) {
	s := &sight{stop: stop, rights: rights, now: time.Now}
	o.DefaultWatchErrorHandler = s.watchError
	var err error
	if s.Cache, err = cache.New(to, o); err != nil {
		return nil, err
	}
	for _, kind := range watched() {
		if _, err := s.GetInformer(stop, kind, cache.BlockUntilSynced(false)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Start fills the cache and keeps it until the context ends.
func (s *sight) Start(ctx context.Context) error {
	waiting, cancel := s.untilStop(ctx)
	defer cancel()
	if err := s.rights(waiting, s.tell); err != nil {
		return nil // asked to stop meanwhile
	}
	return s.Cache.Start(ctx)
}

// WaitForCacheSync returns once the cache is filled, or the process is asked to
// stop: the manager waits here without heed to its own context.
func (s *sight) WaitForCacheSync(ctx context.Context) bool {
	waiting, cancel := s.untilStop(ctx)
	defer cancel()
	filled := s.Cache.WaitForCacheSync(waiting)
	s.mu.Lock()
	s.seeing = s.seeing || filled
	s.mu.Unlock()
	return filled || s.stop.Err() != nil
}

// untilStop is a context that ends with ctx, and when the process is asked to stop.
func (s *sight) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	undo := context.AfterFunc(s.stop, cancel)
	return ctx, func() { undo(); cancel() }
}

// Check is what /readyz asks.
func (s *sight) Check(*http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.denied != nil && s.now().Sub(s.deniedAt) < deniedFor:
		return s.denied
	case s.lacking != "":
		return errors.New(s.lacking)
	case !s.seeing:
		return errors.New("the caches are not filled yet")
	}
	return nil
}

func (s *sight) tell(lacking string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacking = ""
	if lacking != "" {
		s.lacking = "lacking: " + lacking
	}
}

// watchError takes what ended a watch.
func (s *sight) watchError(ctx context.Context, r *toolscache.Reflector, err error) {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		s.mu.Lock()
		s.denied, s.deniedAt = err, s.now()
		s.mu.Unlock()
	}
	toolscache.DefaultWatchErrorHandler(ctx, r, err)
}

// asker asks the API server which rights there are.
func asker(to *rest.Config, namespaces []string) (func(context.Context, func(string)) error, error) {
	rights, err := needed(namespaces)
	if err != nil {
		return nil, err
	}
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(to, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tell func(string)) error { return awaitRights(ctx, c, rights, tell) }, nil
}

package admin

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"
)

// A page is made anew once remake times as long has gone by as it took to make, or
// maxAge: so pages cost a twentieth of a core at most, each, whoever asks how
// often, and are next to fresh where they are cheap.
const (
	remake = 19
	maxAge = time.Second
	// pageTimeout is how long one waits for a page: what it shows may hang.
	pageTimeout = writeTimeout / 2
)

// page keeps a value that is costly to make. Safe for concurrent use.
type page[T any] struct {
	make func() T

	mu     sync.Mutex
	value  T
	until  time.Time
	making chan struct{} // closed once the next one is made; nil if none is
}

// get returns the value, or false if it does not come in time.
func (p *page[T]) get(ctx context.Context) (value T, ok bool) {
	p.mu.Lock()
	if p.making == nil && !time.Now().Before(p.until) {
		p.making = make(chan struct{})
		go p.renew(p.making)
	}
	value, making := p.value, p.making
	p.mu.Unlock()
	if making == nil {
		return value, true
	}
	late := time.NewTimer(pageTimeout)
	defer late.Stop()
	select {
	case <-making:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.value, true
	case <-late.C:
	case <-ctx.Done():
	}
	return value, false
}

func (p *page[T]) renew(made chan<- struct{}) {
	began := time.Now()
	value := p.make()
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value, p.until, p.making = value, now.Add(min(remake*now.Sub(began), maxAge)), nil
	close(made)
}

// answer is a response that is kept. It is an http.ResponseWriter for its maker.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// kept serves what the handler answers to a GET of the path, kept as a page. The
// request's own headers make no difference.
func kept(path string, h http.Handler) http.HandlerFunc {
	p := &page[*answer]{make: func() *answer {
		a := &answer{status: http.StatusOK, header: http.Header{}}
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
		if err != nil {
			text(a, http.StatusInternalServerError, err.Error())
			return a
		}
		h.ServeHTTP(a, r)
		return a
	}}
	return func(w http.ResponseWriter, r *http.Request) {
		a, ok := p.get(r.Context())
		if !ok {
			text(w, http.StatusServiceUnavailable, "not in time")
			return
		}
		w.Header().Set("Content-Type", a.header.Get("Content-Type"))
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body.Bytes())
	}
}

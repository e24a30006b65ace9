package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// otherPatience bounds the requests of no pass, of which the lists that fill the
	// caches take longest; the API server itself ends them after as long.
	otherPatience = time.Minute
	// longPatience is more than the API server gives a write, all its admission
	// webhooks included, which is 34 seconds: where their failure is ignored the
	// write goes through at last.
	longPatience = 40 * time.Second
)

// patienceKey is that of a context's patience.
type patienceKey struct{}

// withPatience bounds each request that is made with the context, not all of them
// together.
func withPatience(ctx context.Context, each time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, each)
}

// deadlines give every request to the API server an end, save watches, which have
// none.
type deadlines struct{ next http.RoundTripper }

func withDeadlines(next http.RoundTripper) http.RoundTripper { return deadlines{next} }

// RoundTrip implements http.RoundTripper.
func (d deadlines) RoundTrip(r *http.Request) (*http.Response, error) {
	if watch := r.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		return d.next.RoundTrip(r)
	}
	within, ok := r.Context().Value(patienceKey{}).(time.Duration)
	if !ok {
		within = otherPatience
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), within, &lateError{within})
	answer, err := d.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		defer cancel()
		if late := (*lateError)(nil); errors.As(context.Cause(ctx), &late) {
			return nil, late
		}
		return nil, err
	}
	answer.Body = &boundedBody{answer.Body, ctx, cancel}
	return answer, nil
}

// boundedBody ends the request's deadline when the answer has been read.
type boundedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelFunc
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if late := (*lateError)(nil); err != nil && errors.As(context.Cause(b.ctx), &late) {
		err = late
	}
	return n, err
}

func (b *boundedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// lateError says that the API server did not answer in time.
type lateError struct{ within time.Duration }

func (e *lateError) Error() string {
	return fmt.Sprintf("the API server did not answer within %v: look for an admission webhook that hangs", e.within)
}

// Unwrap makes it what the end of a context is.
func (e *lateError) Unwrap() error { return context.DeadlineExceeded }

// isLate finds a lateError in an error, which may join several.
func isLate(err error) bool {
	var late *lateError
	return errors.As(err, &late)
}

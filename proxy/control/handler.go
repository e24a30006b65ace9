package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sipring/sipring/proxy/location"
)

const (
	// maxRequests is how many are answered at a time.
	maxRequests = 4
	// maxContact is the longest contact, in bytes. No binding has a longer one.
	maxContact = 2 << 10
)

// handler answers requests.
type handler struct {
	backend Backend
	log     *slog.Logger
	turns   chan struct{}
}

func newHandler(b Backend, log *slog.Logger) *handler {
	return &handler{backend: b, log: log, turns: make(chan struct{}, maxRequests)}
}

func (h *handler) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/where", h.answer(h.where))
	mux.HandleFunc("GET /v1/bindings", h.answer(h.bindings))
	mux.HandleFunc("POST /v1/unregister", h.answer(h.unregister))
	mux.HandleFunc("GET /v1/trace", h.trace)
	mux.HandleFunc("POST /v1/drain", h.drain)
	return mux
}

// answer writes what f returns, a value or an error, as JSON.
func (h *handler) answer(f func(context.Context, url.Values) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			refuse(w, &Problem{http.StatusBadRequest, "the request cannot be read"})
			return
		}
		select {
		case h.turns <- struct{}{}:
			defer func() { <-h.turns }()
		default:
			refuse(w, &Problem{http.StatusServiceUnavailable, fmt.Sprintf("%d others are being answered: try again", maxRequests)})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTime)
		defer cancel()
		v, err := f(ctx, query)
		if err != nil {
			refuse(w, h.problem(err))
			return
		}
		b, err := Marshal(v)
		if err != nil || len(b) > maxAnswer {
			refuse(w, &Problem{http.StatusInternalServerError, "the answer is too long"})
			return
		}
		write(w, http.StatusOK, b)
	}
}

// problem is what an error is told as.
func (h *handler) problem(err error) *Problem {
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Problem{http.StatusServiceUnavailable, "not done in time"}
	}
	h.log.Error("control request failed", "error", err)
	return &Problem{http.StatusInternalServerError, err.Error()}
}

func refuse(w http.ResponseWriter, p *Problem) {
	b, _ := Marshal(p) // of a string
	write(w, p.Status, b)
}

func write(w http.ResponseWriter, status int, line []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(line) //nolint:gosec // JSON, and no browser gets at the socket
}

func (h *handler) where(_ context.Context, query url.Values) (any, error) {
	aor, err := aorOf(query)
	if err != nil {
		return nil, err
	}
	return h.backend.Where(aor)
}

func (h *handler) bindings(ctx context.Context, query url.Values) (any, error) {
	glob, limit := query.Get("aor"), DefaultLimit
	if len(glob) > MaxGlob {
		return nil, &Problem{http.StatusBadRequest, fmt.Sprintf("a pattern has at most %d bytes", MaxGlob)}
	}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MaxLimit {
			return nil, &Problem{http.StatusBadRequest, fmt.Sprintf("a limit is a number from 1 to %d", MaxLimit)}
		}
		limit = n
	}
	after, ok := ParseToken(query.Get("after"))
	if !ok {
		return nil, &Problem{http.StatusBadRequest, "that is no token of a page"}
	}
	return h.backend.Bindings(ctx, glob, after, limit)
}

func (h *handler) unregister(ctx context.Context, query url.Values) (any, error) {
	aor, err := aorOf(query)
	if err != nil {
		return nil, err
	}
	contact := query.Get("contact")
	if query.Has("contact") && contact == "" || len(contact) > maxContact {
		return nil, &Problem{http.StatusBadRequest, fmt.Sprintf("a contact has 1 to %d bytes", maxContact)}
	}
	return h.backend.Unregister(ctx, aor, contact)
}

// aorOf is the AOR of a request.
func aorOf(query url.Values) (string, error) {
	aor := query.Get("aor")
	if aor == "" || len(aor) > location.MaxAOR {
		return "", &Problem{http.StatusBadRequest, fmt.Sprintf("an address-of-record has 1 to %d bytes", location.MaxAOR)}
	}
	return aor, nil
}

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
)

func cluster(namespace string, i int) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("ring", i)}
}

// TestGate: clusters that are not answered have few workers, and their namespace
// not all; who is answered again is like the others.
func TestGate(t *testing.T) {
	g := newGate(bounds{workers: 20, patient: time.Second, inNamespace: 8, slowInNamespace: 2, slow: 3})
	enters := func(namespace string, n, want int, patience time.Duration) {
		t.Helper()
		in := 0
		for i := range n {
			p, again, _ := g.enter(cluster(namespace, i))
			if again == 0 {
				in++
				if p != patience {
					t.Errorf("%s %d: patience %v, want %v", namespace, i, p, patience)
				}
			}
		}
		if in != want {
			t.Errorf("%s: %d of %d passes began, want %d", namespace, in, n, want)
		}
	}
	enters("a", 10, 8, time.Second)
	enters("b", 2, 2, time.Second)
	for i := range 8 {
		if again := g.leave(cluster("a", i), false, true); again != slowAgain {
			t.Errorf("tried again after %v, want %v", again, slowAgain)
		}
	}
	for i := range 2 {
		g.leave(cluster("b", i), false, true)
	}
	enters("a", 8, 2, longPatience)
	enters("b", 2, 1, longPatience)
	enters("c", 8, 8, time.Second)
	if again := g.leave(cluster("a", 0), true, true); again != 2*slowAgain {
		t.Errorf("tried again after %v, want %v", again, 2*slowAgain)
	}
	g.leave(cluster("a", 1), true, false)
	if p, again, _ := g.enter(cluster("a", 1)); again != 0 || p != time.Second {
		t.Errorf("after a pass in time: patience %v, again after %v", p, again)
	}
}

// TestGateTellsOnce: a pass that was late is no error, which would be logged each
// time it is tried; any other error is.
func TestGateTellsOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		fails bool
	}{
		"late":          {fmt.Errorf("apply: %w", &lateError{time.Second}), false},
		"late and more": {errors.Join(context.Canceled, &lateError{time.Second}), false},
		"other":         {context.Canceled, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(publisherBounds)
			result, err := g.through(func(context.Context, ctrl.Request) (ctrl.Result, error) { return ctrl.Result{}, tt.err })(t.Context(), ctrl.Request{})
			if (err != nil) != tt.fails || (result.RequeueAfter > 0) == tt.fails {
				t.Errorf("%v, %v", result, err)
			}
			if len(g.namespaces) != 0 || g.slowNow != 0 {
				t.Errorf("still under way: %v, %d slow", g.namespaces, g.slowNow)
			}
		})
	}
}

// TestDeadlines: every request ends, be it that no answer begins or that none ends;
// a watch does not.
func TestDeadlines(t *testing.T) {
	begin := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/begins":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/watch":
			<-begin
		default:
			<-r.Context().Done()
		}
	}))
	defer api.Close()
	c := &http.Client{Transport: withDeadlines(http.DefaultTransport)}
	ask := func(path string) error {
		r, err := http.NewRequestWithContext(withPatience(t.Context(), 10*time.Millisecond), http.MethodGet, api.URL+path, nil)
		if err != nil {
			return err
		}
		answer, err := c.Do(r)
		if err != nil {
			return err
		}
		_, err = answer.Body.Read(make([]byte, 1))
		return errors.Join(err, answer.Body.Close())
	}
	for _, path := range []string{"/never", "/begins"} {
		if err := ask(path); !isLate(err) || !strings.Contains(err.Error(), "within 10ms") {
			t.Errorf("%s: %v", path, err)
		}
	}
	watched := make(chan error)
	go func() { watched <- ask("/watch?watch=true") }()
	if err := ask("/never"); !isLate(err) { // as long as the watch was to take at most
		t.Error(err)
	}
	close(begin)
	if err := <-watched; isLate(err) {
		t.Errorf("watch: %v", err)
	}
}

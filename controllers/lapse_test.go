package controllers_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers"
)

// hanging is a fleet in which requests that write a StatefulSet of one of the
// SIPClusters are not answered, or refused.
type hanging struct {
	*fleet
	name  string // empty: none
	error error
}

func newHanging(t *testing.T, err error) *hanging {
	t.Helper()
	return &hanging{fleet: newFleet(t, controllers.Rolling{Clusters: 1}), error: err}
}

// newOperator is one with another image, whose requests hang.
func (h *hanging) newOperator() {
	h.Helper()
	h.image = "example.com/sipring:2"
	plain, err := client.NewWithWatch(server.Config, client.Options{Scheme: h.client.Scheme()})
	h.ok(err)
	h.restart(client.NewNamespacedClient(interceptor.NewClient(plain, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if n, ok := o.(interface {
				GetName() *string
				GetKind() *string
			}); ok && *n.GetName() == h.name && *n.GetKind() == "StatefulSet" {
				return h.error
			}
			return c.Apply(ctx, o, opts...)
		},
	}), h.ns))
}

// minutes run passes of all, one that hangs too, a minute after the other.
func (h *hanging) minutes(n int) {
	h.Helper()
	for range n {
		h.clock = h.clock.Add(time.Minute)
		for _, name := range fleetNames {
			if _, err := h.passOf(name); err != nil && name != h.name {
				h.Fatal(name, err)
			}
		}
		_, pending := h.with("")
		for _, name := range pending {
			if name != h.name {
				h.replaced(name)
			}
		}
	}
}

func (h *hanging) updated() []string {
	all, _ := h.with("example.com/sipring:2")
	return all
}

// TestTurnLapses: a SIPCluster for which nothing can be written does not keep the
// others from their turns, be it before its pods are replaced or when they are.
func TestTurnLapses(t *testing.T) {
	const wedged = "b"
	others := slices.DeleteFunc(slices.Clone(fleetNames), func(n string) bool { return n == wedged })
	late := &url.Error{Op: "Patch", URL: "https://api", Err: context.DeadlineExceeded}
	tests := map[string]struct {
		error error
		atEnd bool
	}{
		"not answered":            {late, false},
		"not answered at the end": {late, true},
		"refused at the end":      {errors.New("denied by the webhook"), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHanging(t, tt.error)
			h.newOperator()
			if tt.atEnd {
				_, err := h.passOf(wedged)
				h.ok(err)
			}
			h.name = wedged
			if tt.atEnd { // and it cannot be noted that they are
				h.replaced(wedged)
			}
			for range 2 { // it is the first to have a turn
				_, _ = h.passOf(wedged)
			}
			h.minutes(4)
			if got := h.updated(); slices.ContainsFunc(others, func(n string) bool { return slices.Contains(got, n) }) {
				t.Fatalf("%v have the new image: others did not wait at all", got)
			}
			for range 10 {
				if got := h.updated(); slices.ContainsFunc(others, func(n string) bool { return !slices.Contains(got, n) }) {
					h.minutes(1)
				}
			}
			for _, n := range others {
				if got := h.updated(); !slices.Contains(got, n) {
					t.Errorf("%s waits still: only %v have the new image", n, got)
				}
			}
			if n, note := h.count(wedged, v1alpha1.EventTurnLapsed); n != 1 {
				t.Errorf("%d Events: %s", n, note)
			}
			h.name = ""
			h.minutes(2)
			h.replaced(wedged)
			h.minutes(2)
			if got, pending := h.with("example.com/sipring:2"); len(got) != 5 || len(pending) != 0 {
				t.Errorf("at last %v have the new image, %v are pending", got, pending)
			}
		})
	}
}

// TestSilentAPIServerLapsesNoTurn: where nobody's passes go through it is not the fault
// of the one that has its turn, and afterwards it still has it.
func TestSilentAPIServerLapsesNoTurn(t *testing.T) {
	h := newHanging(t, nil)
	h.newOperator()
	first := h.newImage(1, "at first")
	h.clock = h.clock.Add(time.Hour)
	for range 2 {
		for _, name := range fleetNames {
			if name != first[0] { // these are first to come back
				_, err := h.passOf(name)
				h.ok(err)
			}
		}
	}
	if got := h.updated(); !slices.Equal(got, first) {
		t.Errorf("%v have the new image, want %v", got, first)
	}
}

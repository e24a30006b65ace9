package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// newRing is a bench whose SIPCluster has the members in its ring.
func newRing(t *testing.T, members int) *bench {
	t.Helper()
	b := newBench(t)
	b.begin()
	for i := range members {
		b.pod(i, ready)
	}
	b.settle()
	return b
}

func (b *bench) configMap(name string) *corev1.ConfigMap {
	b.Helper()
	cm := &corev1.ConfigMap{}
	b.get(name, cm)
	return cm
}

func (b *bench) secret(name string) *corev1.Secret {
	b.Helper()
	s := &corev1.Secret{}
	b.get(name, s)
	return s
}

// delete removes the object of that name and kind, of which it needs no more.
func (b *bench) delete(name string, kind client.Object) {
	b.Helper()
	kind.SetNamespace(b.ns)
	kind.SetName(name)
	b.ok(b.client.Delete(b.Context(), kind))
}

// goesByItsClock replaces the Reconciler by one whose clock later moves.
func (b *bench) goesByItsClock() {
	b.Helper()
	b.later(0)
	b.restart(b.client)
}

// behind reads like the bench's client, save that the published set is as the cache
// shows it; nil: as it is.
func (b *bench) behind(cached func() *corev1.ConfigMap) client.Client {
	b.Helper()
	plain, err := client.NewWithWatch(server.Config, client.Options{Scheme: b.client.Scheme()})
	b.ok(err)
	return interceptor.NewClient(plain, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if cm, ok := o.(*corev1.ConfigMap); ok && key.Name == "ring-members" && cached() != nil {
				cached().DeepCopyInto(cm)
				return nil
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
}

// awaitEvents waits until the API server has the Events that are wanted, each put into
// words.
func (b *bench) awaitEvents(words func(*eventsv1.Event) string, wanted ...string) {
	b.Helper()
	b.await("Events", func() (string, bool) {
		all := &eventsv1.EventList{}
		if err := b.client.List(b.Context(), all, client.InNamespace(b.ns)); err != nil {
			return err.Error(), false
		}
		var told []string
		for i := range all.Items {
			told = append(told, words(&all.Items[i]))
		}
		return fmt.Sprint(told), !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(told, w) })
	})
}

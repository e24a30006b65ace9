package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestGuardLetsNoWriteThrough: each way to write, of whatever code comes to use it. A
// write that got through would meet no client.
func TestGuardLetsNoWriteThrough(t *testing.T) {
	writes := map[string]func(guard, string) error{
		"create": func(g guard, ns string) error { return g.Create(t.Context(), object(ns)) },
		"update": func(g guard, ns string) error { return g.Update(t.Context(), object(ns)) },
		"patch": func(g guard, ns string) error {
			return g.Patch(t.Context(), object(ns), client.RawPatch(types.MergePatchType, nil))
		},
		"apply":  func(g guard, ns string) error { return g.Apply(t.Context(), corev1ac.ConfigMap("ring", ns)) },
		"delete": func(g guard, ns string) error { return g.Delete(t.Context(), object(ns)) },
	}
	g := guard{Client: reached{}, endings: newEndings(time.Now)}
	for name, write := range writes {
		for ns, want := range map[string]bool{"kube-system": true, "kube-public": true, "kube-node-lease": true, "kube-systems": false, "voice": false} {
			var refused *protectedError
			if err := write(g, ns); errors.As(err, &refused) != want || errors.Is(err, errReached) == want {
				t.Errorf("%s in %s: %v", name, ns, err)
			}
		}
	}
	g.endings.note("voice")
	if err := writes["create"](g, "voice"); !isEnding(err) {
		t.Errorf("create in a namespace that ends: %v", err)
	}
	if err := writes["update"](g, "voice"); !errors.Is(err, errReached) {
		t.Errorf("update in a namespace that ends: %v", err)
	}
	if err := g.DeleteAllOf(t.Context(), object("voice")); err == nil || errors.Is(err, errReached) {
		t.Errorf("delete all: %v", err)
	}
}

func object(namespace string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ring"}}
}

var errReached = errors.New("it got through")

// reached is a client that says that it was.
type reached struct{ client.Client }

func (reached) Create(context.Context, client.Object, ...client.CreateOption) error {
	return errReached
}

func (reached) Update(context.Context, client.Object, ...client.UpdateOption) error {
	return errReached
}

func (reached) Delete(context.Context, client.Object, ...client.DeleteOption) error {
	return errReached
}

func (reached) Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error {
	return errReached
}

func (reached) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return errReached
}

package controllers_test

import (
	"context"
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sipring/sipring/api/v1alpha1"
)

// refusing is a client that may not apply what has the name.
func (b *bench) refusing(name string) client.Client {
	b.Helper()
	return b.answered(name, apierrors.NewForbidden(schema.GroupResource{}, name, context.DeadlineExceeded))
}

// answered is a client that gets the error when it applies what has the name.
func (b *bench) answered(name string, err error) client.Client {
	b.Helper()
	plain, failed := client.NewWithWatch(server.Config, client.Options{Scheme: b.client.Scheme()})
	b.ok(failed)
	return interceptor.NewClient(plain, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if n, ok := o.(interface{ GetName() *string }); ok && *n.GetName() == name {
				return err
			}
			return c.Apply(ctx, o, opts...)
		},
	})
}

// TestRefusedPublicationIsTold: what proxies and phones go by could not be
// written, and the status says so until it can.
func TestRefusedPublicationIsTold(t *testing.T) {
	tests := map[string]struct {
		object string
		active string // of the status, which says what was published
	}{
		"member set": {"ring-members", "0/3"},
		"endpoints":  {"ring-ipv4-5060-0", "1/3"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.begin()
			b.restart(b.refusing(tt.object))
			b.pod(0, ready)
			for range 2 {
				if err := b.reconcile(); err == nil {
					t.Error("the pass did not fail, so nobody tries again")
				}
			}
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonPublishFailed)
			if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, "forbidden") {
				t.Errorf("message %q does not say why", m)
			}
			if got := b.inRing(); got != tt.active {
				t.Errorf("status %s, want %s", got, tt.active)
			}
			b.restart(b.client)
			b.settle()
			if c := b.condition(v1alpha1.ConditionDegraded); c.Reason == v1alpha1.ReasonPublishFailed {
				t.Errorf("still %s: %s", c.Reason, c.Message)
			}
		})
	}
}

// TestForeignSliceIsTold: a slice of somebody else's has the name of one of ours.
func TestForeignSliceIsTold(t *testing.T) {
	b := newBench(t)
	b.begin()
	b.ok(b.client.Create(t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "ring-ipv4-5060-0"}, AddressType: discoveryv1.AddressTypeIPv4,
	}))
	b.pod(0, ready)
	if err := b.reconcile(); err == nil {
		t.Error("the pass did not fail")
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
	if got := b.states(); got != "0:active" {
		t.Errorf("members %s: the slice held up the set", got)
	}
}

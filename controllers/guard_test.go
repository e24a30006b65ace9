package controllers_test

import (
	"context"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// TestNamespacesOfKubernetes: a SIPCluster there is told that it is in the wrong place,
// in its status, and nothing else is written, though the operator's rights reach there.
func TestNamespacesOfKubernetes(t *testing.T) {
	for _, ns := range []string{"kube-system", "kube-public", "kube-node-lease"} {
		t.Run(ns, func(t *testing.T) {
			b := newBench(t)
			b.identity = "one"
			b.restart(b.client)
			b.ns = ns
			b.create()
			t.Cleanup(func() { b.remains(&v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "ring"}}) })
			b.settle()
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonNamespaceProtected)
			b.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNamespaceProtected)
			b.wantStalled(true)
			if m := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionReady).Message; !strings.Contains(m, "namespace "+ns+" belongs to Kubernetes") {
				t.Errorf("message %q", m)
			}
			objects := owned()
			objects["Lease/ring-claim"] = &coordinationv1.Lease{}
			for name, o := range objects {
				key := client.ObjectKey{Namespace: ns, Name: name[strings.Index(name, "/")+1:]}
				if err := b.client.Get(t.Context(), key, o); !apierrors.IsNotFound(err) {
					t.Errorf("%s is there: %v", name, err)
				}
			}
			if told := b.told(); len(told) > 0 {
				t.Errorf("Events %v", told)
			}
		})
	}
}

// remains removes what a test leaves in a namespace that is not its own.
func (b *bench) remains(o client.Object) {
	if err := b.client.Delete(context.Background(), o); client.IgnoreNotFound(err) != nil {
		b.Log(err)
	}
}

package controllers_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// stranger creates a ready pod that is not of the StatefulSet.
func (b *bench) stranger(name string, labels map[string]string, owners ...metav1.OwnerReference) *corev1.Pod {
	b.Helper()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: name, Labels: labels, OwnerReferences: owners}}
	p.Spec = corev1.PodSpec{NodeName: b.ns + "-node-9", Containers: []corev1.Container{{Name: desired.Container, Image: "example.com/anything"}}}
	b.ok(b.client.Create(b.Context(), p))
	ready(&p.Status)
	p.Status.PodIP = "10.0.9.9"
	p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
	b.ok(b.client.Status().Update(b.Context(), p))
	return p
}

func ofStatefulSet(uid string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "ring", UID: types.UID(uid), Controller: new(true)}
}

// TestStrangersAreNoMembers: a name and labels make no member, and whoever has
// them is told of.
func TestStrangersAreNoMembers(t *testing.T) {
	all := desired.Labels("ring")
	tests := map[string]struct {
		name   string
		labels map[string]string
		owners []metav1.OwnerReference
		told   string // of it; empty: nothing
	}{
		"nobody's, with our label":        {"ring-7", map[string]string{config.LabelCluster: "ring"}, nil, "ring-7 belongs to nobody"},
		"nobody's, with all labels":       {"ring-7", all, nil, "ring-7 belongs to nobody"},
		"of an earlier StatefulSet":       {"ring-7", all, []metav1.OwnerReference{ofStatefulSet("earlier")}, "ring-7 belongs to StatefulSet ring of another time"},
		"of a Job":                        {"ring-7", all, []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "ring", UID: "j", Controller: new(true)}}, "ring-7 belongs to Job ring"},
		"with a name that is no member's": {"ring-debug", all, nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newRing(t, 3)
			b.told()
			p := b.stranger(tt.name, tt.labels, tt.owners...)
			b.settle()
			if got := b.states(); got != "0:active 1:active 2:active" || b.traffic() != "0 1 2" {
				t.Errorf("%s, traffic to %s", got, b.traffic())
			}
			if n := b.cluster().Status.Replicas; n != 3 {
				t.Errorf("%d replicas", n)
			}
			want := v1alpha1.ReasonHealthy
			if tt.told != "" {
				want = v1alpha1.ReasonForeignPod
			}
			c := b.condition(v1alpha1.ConditionDegraded)
			if c.Reason != want || !strings.Contains(c.Message, tt.told) {
				t.Errorf("Degraded is %s: %s; want %s: %s", c.Reason, c.Message, want, tt.told)
			}
			if told := b.told(); slices.Contains(told, v1alpha1.ReasonForeignPod) != (tt.told != "") {
				t.Errorf("events %v", told)
			}
			b.ok(b.client.Delete(t.Context(), p, client.GracePeriodSeconds(0)))
			b.settle()
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
		})
	}
}

// TestPodsOfAnEarlierClusterHoldNothingUp: one of the same name was deleted, and
// a node that is lost still has a pod of it.
func TestPodsOfAnEarlierClusterHoldNothingUp(t *testing.T) {
	b := newBench(t)
	b.stranger("ring-0", desired.Labels("ring"), ofStatefulSet("earlier"))
	b.begin()
	b.get("ring-keys", &corev1.Secret{})
	if n := len(b.members().Members); n != 0 {
		t.Errorf("%d members of the earlier cluster", n)
	}
	b.pod(1, ready)
	b.settle()
	if got := b.states(); got != "1:active" {
		t.Errorf("members %s, want the new one alone", got)
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonForeignPod) // pods are missing, and that is why
}

// TestReplacedStatefulSetKeepsTheMembers: while somebody deletes the StatefulSet
// and leaves its pods, until the next one has adopted them.
func TestReplacedStatefulSetKeepsTheMembers(t *testing.T) {
	b := newRing(t, 3)
	epoch := b.members().Epoch
	first := b.statefulSet()
	b.ok(b.client.Delete(t.Context(), first, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	check := func(when string) {
		t.Helper()
		b.settle()
		if got := b.states(); got != "0:active 1:active 2:active" || b.members().Epoch != epoch {
			t.Errorf("%s: %s at epoch %d, was %d", when, got, b.members().Epoch, epoch)
		}
	}
	owners := func(refs ...metav1.OwnerReference) {
		t.Helper()
		for _, name := range []string{"ring-0", "ring-1", "ring-2"} {
			p := &corev1.Pod{}
			b.get(name, p)
			p.OwnerReferences = refs
			b.ok(b.client.Update(t.Context(), p))
		}
	}
	check("the StatefulSet is another")
	if b.statefulSet().UID == first.UID {
		t.Fatal("it is the same")
	}
	owners()
	check("the pods are nobody's")
	b.restart(b.client)
	check("and the operator begins anew")
	owners(*metav1.NewControllerRef(b.statefulSet(), appsv1.SchemeGroupVersion.WithKind("StatefulSet")))
	check("adopted")
}

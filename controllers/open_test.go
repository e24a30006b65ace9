package controllers_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sipring/sipring/api/v1alpha1"
)

// TestOpenIsTold: a condition and one Event, while the cluster is Ready, until nobody is
// let in unasked.
func TestOpenIsTold(t *testing.T) {
	b := newBench(t)
	b.users(map[string]string{"a": aUser})
	b.allWell()
	warned := func(step string, want bool) {
		t.Helper()
		b.settle()
		if got := slices.Contains(b.told(), v1alpha1.EventAuthenticationOpen); got != want {
			t.Errorf("%s: warned of by an Event: %v, want %v", step, got, want)
		}
	}
	says := func(reason string, parts ...string) {
		t.Helper()
		b.want(v1alpha1.ConditionAuthenticationOpen, metav1.ConditionTrue, reason)
		message := b.condition(v1alpha1.ConditionAuthenticationOpen).Message
		for _, part := range parts {
			if !strings.Contains(message, part) {
				t.Errorf("message %q, want %q in it", message, part)
			}
		}
	}
	warned("open", true)
	says(v1alpha1.ReasonOpen, "whoever reaches a listener may register and call as anyone")
	b.want(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonServing)

	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Service.Type = corev1.ServiceTypeLoadBalancer })
	warned("still open", false)
	says(v1alpha1.ReasonOpen, "loadBalancerSourceRanges is empty")
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Service.LoadBalancerSourceRanges = []string{"192.0.2.0/24"} })
	warned("to some", false)
	says(v1alpha1.ReasonOpen, "loadBalancerSourceRanges lets in 192.0.2.0/24 alone")

	b.edit(asks)
	warned("not any more", false)
	if c := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionAuthenticationOpen); c != nil {
		t.Errorf("users are asked, and the status says %s: %s", c.Reason, c.Message)
	}
	b.edit(func(s *v1alpha1.SIPClusterSpec) {
		s.Domains = []v1alpha1.Domain{"example.com", "example.org"}
		s.Authentication.Domains = []v1alpha1.DomainAuthentication{{Domain: "example.org", Open: &v1alpha1.Open{}}, {Domain: "example.com", Realm: "a"}}
	})
	warned("open in part", true)
	says(v1alpha1.ReasonDomainsOpen, "as anyone of example.org;")
}

// TestOpenFromBefore: a SIPCluster without spec.authentication, from before it was
// required, goes on, and says so.
func TestOpenFromBefore(t *testing.T) {
	b := newBench(t)
	plain, err := client.NewWithWatch(server.Config, client.Options{Scheme: b.client.Scheme()})
	b.ok(err)
	b.restart(interceptor.NewClient(plain, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, into, opts...)
			if cluster, ok := into.(*v1alpha1.SIPCluster); ok {
				cluster.Spec.Authentication = nil
			}
			return err
		},
	}))
	b.allWell()
	b.want(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonServing)
	b.want(v1alpha1.ConditionAuthenticationOpen, metav1.ConditionTrue, v1alpha1.ReasonNoAuthentication)
	if told := b.told(); !slices.Contains(told, v1alpha1.EventAuthenticationOpen) {
		t.Errorf("events %v", told)
	}
}

package controllers_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// limited replaces the Reconciler by one with the rights of config/rbac.
func (b *bench) limited() {
	b.Helper()
	c, err := client.New(server.User(b, "limited-"+b.ns, "../config/rbac/role.yaml"), client.Options{Scheme: b.client.Scheme()})
	b.ok(err)
	b.restart(c)
}

func (b *bench) slice(name, service string, labels map[string]string) *discoveryv1.EndpointSlice {
	b.Helper()
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: b.ns, Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.9.9.9"}}},
	}
	for k, v := range labels {
		s.Labels[k] = v
	}
	b.ok(b.client.Create(b.Context(), s))
	return s
}

func (b *bench) slices() []string {
	b.Helper()
	have := &discoveryv1.EndpointSliceList{}
	b.ok(b.client.List(b.Context(), have, client.InNamespace(b.ns)))
	var names []string
	for _, s := range have.Items {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// TestForeignEndpointsAreSwept: nobody but a member takes phones, whoever says
// so; the endpoints of other Services are nobody's business.
func TestForeignEndpointsAreSwept(t *testing.T) {
	b := newBench(t)
	b.limited()
	b.begin()
	b.pod(0, ready)
	b.settle()
	b.told()
	e := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "ring"}} //nolint:staticcheck // what is mirrored still exists
	b.ok(b.client.Create(t.Context(), e))
	mirrored := b.slice("ring-mirrored", "ring", nil)
	mirrored.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Endpoints", Name: "ring", UID: e.UID, Controller: new(true)}}
	b.ok(b.client.Update(t.Context(), mirrored))
	b.slice("ring-of-a-selector", "ring", desired.Labels("ring"))
	b.slice("ring-by-hand", "ring", nil)
	b.slice("other", "other", nil)
	b.settle()
	if got, want := b.slices(), []string{"other", "ring-ipv4-5060-0"}; !slices.Equal(got, want) {
		t.Errorf("slices %v, want %v", got, want)
	}
	if err := b.client.Get(t.Context(), client.ObjectKeyFromObject(e), e); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the Endpoints that were mirrored: %v, want none", err)
	}
	if told, want := b.told(), slices.Repeat([]string{v1alpha1.EventForeignEndpoints}, 3); !slices.Equal(told, want) {
		t.Errorf("events %v, want %v", told, want)
	}
}

// TestEndpointsOfAForeignServiceStay: the Service of the name is not ours.
func TestEndpointsOfAForeignServiceStay(t *testing.T) {
	b := newBench(t)
	b.ok(b.client.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "ring"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}))
	b.slice("ring-theirs", "ring", desired.Labels("ring"))
	b.create()
	if err := b.reconcile(); err == nil {
		t.Error("the pass did not fail")
	}
	if got, want := b.slices(), []string{"ring-theirs"}; !slices.Equal(got, want) {
		t.Errorf("slices %v, want %v", got, want)
	}
}

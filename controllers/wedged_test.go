package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestWedgedNamespaceCostsOthersNothing: an admission webhook of one namespace, of
// many SIPClusters in trouble, does not answer.
func TestWedgedNamespaceCostsOthersNothing(t *testing.T) {
	const wedged, healthy, rounds = 10, 3, 12
	b := newSerialBench(t)
	others := []*bench{b}
	for range healthy - 1 {
		others = append(others, b.beside())
	}
	slow := b.beside()
	for _, o := range append(others[1:], slow) {
		b.others = append(b.others, o.ns)
	}
	b.operator()
	var there []*bench
	for i := range wedged {
		there = append(there, &bench{T: t, client: b.client, ns: slow.ns, name: fmt.Sprintf("ring%d", i)})
		there[i].create()
	}
	for _, o := range others {
		o.create()
		o.pod(1, ready)
	}
	for _, o := range append(there, others...) {
		o.pod(0, ready)
		o.awaitReady("10.0.0.1", true)
	}
	slow.wedge()
	for _, w := range there {
		w.podStatus(0, ended)
	}
	slow.create()

	var took []time.Duration
	for i := range rounds {
		for _, o := range others {
			change, want := ended, false
			if i%2 == 1 {
				change, want = ready, true
			}
			began := time.Now()
			o.podStatus(1, change)
			o.awaitReady("10.0.0.2", want)
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	p99 := took[(len(took)*99+99)/100-1]
	t.Logf("from a pod's event to the slice: median %v, p99 %v of %d", took[len(took)/2], p99, len(took))
	if p99 >= time.Second {
		t.Errorf("p99 %v, want less than a second", p99)
	}
}

// beside is a SIPCluster to be in a namespace of its own, for the same operator.
func (b *bench) beside() *bench {
	b.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	b.ok(b.client.Create(b.Context(), ns))
	return &bench{T: b.T, client: b.client, ns: ns.Name, name: "ring"}
}

// awaitReady waits until the slice says whether the address gets new traffic.
func (b *bench) awaitReady(address string, want bool) {
	b.Helper()
	b.await(fmt.Sprintf("%s in %s/%s ready=%v", address, b.ns, b.name, want), func() (string, bool) {
		slices := &discoveryv1.EndpointSliceList{}
		if err := b.client.List(b.Context(), slices, client.InNamespace(b.ns), client.MatchingLabels{discoveryv1.LabelServiceName: b.name}); err != nil {
			return err.Error(), false
		}
		said := false
		for _, s := range slices.Items {
			for _, e := range s.Endpoints {
				said = said || e.Addresses[0] == address && *e.Conditions.Ready
			}
		}
		return fmt.Sprint(said), said == want
	})
}

// wedge has an admission webhook for what is written into the namespace, pods and
// SIPClusters excepted, that takes connections and never answers.
func (b *bench) wedge() {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	b.ok(err)
	b.Cleanup(func() { _ = listener.Close() })
	hook := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: b.ns}}
	hook.Webhooks = []admissionv1.ValidatingWebhook{{
		Name:                    "hangs.example.com",
		ClientConfig:            admissionv1.WebhookClientConfig{URL: new("https://" + listener.Addr().String() + "/")},
		AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionv1.SideEffectClassNone),
		FailurePolicy: new(admissionv1.Ignore), TimeoutSeconds: new(int32(30)),
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: b.ns}},
		Rules: []admissionv1.RuleWithOperations{{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
			Rule: admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{
				"configmaps", "services", "serviceaccounts", "secrets", "statefulsets", "roles", "rolebindings", "leases",
				"poddisruptionbudgets", "networkpolicies", "endpointslices", "sipclusters/status",
			}},
		}},
	}}
	b.ok(b.client.Create(b.Context(), hook))
	b.Cleanup(func() { _ = b.client.Delete(context.Background(), hook) })
	b.await("the webhook", func() (string, bool) {
		ctx, cancel := context.WithTimeout(b.Context(), time.Second)
		defer cancel()
		err := b.client.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, GenerateName: "probe-"}})
		return fmt.Sprint(err), errors.Is(err, context.DeadlineExceeded)
	})
}

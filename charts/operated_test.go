package charts_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/testapi"
)

// operated is a SIPCluster that a real operator carries out, with pods whose states the
// test says.
type operated struct {
	*testing.T
	client          client.Client
	namespace, name string
	registry        *prometheus.Registry
}

// startOperator runs the operator until the test ends, with a SIPCluster whose pods are
// ready.
func startOperator(t *testing.T, members int) *operated {
	t.Helper()
	api := testapi.Need(t, server)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "dashboard-"}}
	o := &operated{T: t, client: api.Client, name: "voice", registry: prometheus.NewRegistry()}
	o.ok(api.Client.Create(t.Context(), ns))
	o.namespace = ns.Name
	ctx, cancel := context.WithCancel(t.Context())
	mgr, err := controllers.NewManager(ctx, api.Config, controllers.ManagerOptions{MetricsAddress: "0", HealthAddress: "0", Namespaces: []string{o.namespace}})
	o.ok(err)
	o.ok(controllers.AddTo(ctx, mgr, o.registry, controllers.PodOptions{Image: "example.com/sipring:1"}))
	ended := make(chan error)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c := &v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Namespace: o.namespace, Name: o.name}}
	c.Spec.Domains, c.Spec.Authentication = []v1alpha1.Domain{"example.com"}, &v1alpha1.Authentication{Open: &v1alpha1.Open{}}
	o.ok(o.client.Create(t.Context(), c))
	set := &appsv1.StatefulSet{}
	for deadline := time.Now().Add(30 * time.Second); o.client.Get(t.Context(), client.ObjectKeyFromObject(c), set) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("no StatefulSet")
		}
		time.Sleep(50 * time.Millisecond) // how often it is asked for
	}
	for i := range members {
		o.pod(set, i)
	}
	return o
}

func (o *operated) ok(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// pod makes one that is ready.
func (o *operated) pod(set *appsv1.StatefulSet, i int) {
	o.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.namespace, Name: fmt.Sprintf("%s-%d", o.name, i), Labels: desired.Labels(o.name),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))},
		},
		Spec: corev1.PodSpec{NodeName: fmt.Sprintf("node-%d", i), Containers: []corev1.Container{{Name: desired.Container, Image: "example.com/sipring:1"}}},
	}
	o.ok(o.client.Create(o.Context(), p))
	address := fmt.Sprintf("10.0.0.%d", i+1)
	p.Status.PodIP, p.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
	o.status(p, corev1.ConditionTrue, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}})
}

// lose ends the process of a pod.
func (o *operated) lose(i int) {
	o.Helper()
	p := &corev1.Pod{}
	o.ok(o.client.Get(o.Context(), client.ObjectKey{Namespace: o.namespace, Name: fmt.Sprintf("%s-%d", o.name, i)}, p))
	o.status(p, corev1.ConditionFalse, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, FinishedAt: metav1.NewTime(time.Now())}})
}

func (o *operated) status(p *corev1.Pod, ready corev1.ConditionStatus, state corev1.ContainerState) {
	o.Helper()
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: desired.Container, Image: "example.com/sipring:1", State: state, Ready: ready == corev1.ConditionTrue}}
	o.ok(o.client.Status().Update(o.Context(), p))
}

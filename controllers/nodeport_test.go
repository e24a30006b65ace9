package controllers_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// atNodePort asks for the port of every node.
func atNodePort(port int32) func(*v1alpha1.SIPClusterSpec) {
	return func(s *v1alpha1.SIPClusterSpec) {
		s.Service = v1alpha1.ServiceTemplate{Type: corev1.ServiceTypeNodePort}
		s.Listeners = []v1alpha1.Listener{{Name: "udp", Protocol: v1alpha1.ProtocolUDP, Port: 5060, NodePort: &port, Advertise: new("192.0.2.10:30060")}}
	}
}

// TestNodePortIsTheOneAskedFor: set, changed, and given back with the type.
func TestNodePortIsTheOneAskedFor(t *testing.T) {
	b := newBench(t)
	b.begin()
	service := &corev1.Service{}
	for _, port := range []int32{31060, 31061} {
		b.respec(atNodePort(port))
		b.get("ring", service)
		if got := service.Spec.Ports[0].NodePort; got != port {
			t.Errorf("node port %d, want %d", got, port)
		}
	}
	b.respec(func(s *v1alpha1.SIPClusterSpec) {
		s.Service = v1alpha1.ServiceTemplate{Type: corev1.ServiceTypeClusterIP}
		s.Listeners[0].NodePort = nil
	})
	b.get("ring", service)
	if got := service.Spec.Ports[0].NodePort; got != 0 {
		t.Errorf("a Service of type ClusterIP holds node port %d", got)
	}
}

// TestNodePortThatCannotBeHad shows in the status, with what would do.
func TestNodePortThatCannotBeHad(t *testing.T) {
	holder := newBench(t)
	holder.create(func(c *v1alpha1.SIPCluster) { atNodePort(31062)(&c.Spec) })
	holder.settle()
	for name, tt := range map[string]struct {
		port         int32
		reason, says string
	}{
		"out of the range": {5060, v1alpha1.ReasonApplyFailed, "The range of valid ports is 30000-32767"},
		"taken":            {31062, v1alpha1.ReasonPortClash, "provided port is already allocated"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSerialBench(t)
			b.create(func(c *v1alpha1.SIPCluster) { atNodePort(tt.port)(&c.Spec) })
			if err := b.reconcile(); err == nil {
				t.Error("the pass did not fail")
			}
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, tt.reason)
			if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, tt.says) {
				t.Errorf("message %q lacks %q", m, tt.says)
			}
		})
	}
}

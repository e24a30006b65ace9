package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// TestPodTroubleIsTold: what shows only at run time becomes a reason.
func TestPodTroubleIsTold(t *testing.T) {
	crashed := func(message string) func(*corev1.PodStatus) {
		return func(s *corev1.PodStatus) {
			waiting("CrashLoopBackOff", "back-off 10s")(s)
			s.ContainerStatuses[0].RestartCount = 4
			s.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Message: message}
		}
	}
	unscheduled := func(message string) func(*corev1.PodStatus) {
		return func(s *corev1.PodStatus) {
			s.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message}}
		}
	}
	tests := map[string]struct {
		status       func(*corev1.PodStatus)
		reason, says string
	}{
		"image cannot be pulled": {waiting("ImagePullBackOff", "no such image"), v1alpha1.ReasonImageUnavailable, "ring-0: image example.com/sipring:1: ImagePullBackOff: no such image"},
		"crashes":                {crashed("configuration: domains: none"), v1alpha1.ReasonCrashLooping, "ended 4 times, last with exit code 1: configuration: domains: none"},
		"port taken":             {crashed("listen udp :5060: bind: address already in use"), v1alpha1.ReasonPortClash, "address already in use"},
		"host port taken":        {unscheduled("0/3 nodes: 3 node(s) didn't have free ports"), v1alpha1.ReasonPortClash, "free ports"},
		"no node":                {unscheduled("0/3 nodes are available: 3 Insufficient cpu"), v1alpha1.ReasonUnschedulable, "Insufficient cpu"},
		"init container crashes": {func(s *corev1.PodStatus) {
			crashed("no such volume")(s)
			s.ContainerStatuses[0].Name = "prepare"
			s.InitContainerStatuses, s.ContainerStatuses = s.ContainerStatuses, nil
		}, v1alpha1.ReasonCrashLooping, "container prepare ended 4 times, last with exit code 1: no such volume"},
		"container not made": {waiting("CreateContainerConfigError", `secret "ring-keys" not found`), v1alpha1.ReasonPodStartFailed, "not found"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.begin()
			b.settle()
			b.pod(0, tt.status)
			b.settle()
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, tt.reason)
			if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, tt.says) {
				t.Errorf("message %q lacks %q", m, tt.says)
			}
		})
	}
}

// TestPodsNotCreatedIsTold: a pod that is refused is in nobody's status.
func TestPodsNotCreatedIsTold(t *testing.T) {
	b := newBench(t)
	b.goesByItsClock()
	b.begin()
	b.pod(0, ready)
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonStarting)
	result, err := b.pass()
	b.ok(err)
	if result.RequeueAfter != 30*time.Second {
		t.Errorf("looks again after %v, want 30s", result.RequeueAfter)
	}
	b.later(30 * time.Second)
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonPodsNotCreated)

	set := b.statefulSet()
	for i, said := range []string{"pods is forbidden: exceeded quota", "service account not found"} {
		b.ok(b.client.Create(t.Context(), &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: b.ns, Name: fmt.Sprintf("ring.%d", i)},
			InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Namespace: b.ns, Name: "ring", UID: set.UID},
			Reason:         "FailedCreate", Message: said, LastTimestamp: metav1.NewTime(b.clock.Add(-time.Duration(i) * time.Minute)),
		}))
	}
	b.settle()
	if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, "only 1 of 3 pods exist: pods is forbidden: exceeded quota") {
		t.Errorf("message %q does not say why", m)
	}
	b.pod(1, ready)
	b.pod(2, ready)
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
	b.remove(2, true)
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy) // a pod is being replaced
}

func TestForeignObjectsAreLeftAlone(t *testing.T) {
	for name, object := range map[string]client.Object{
		"Service":           &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "ring"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		"member ConfigMap":  &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "ring-members"}, Data: map[string]string{"mine": "yes"}},
		"Secret of another": &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "ring-keys", OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "x", UID: "x", Controller: new(true)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			object.SetNamespace(b.ns)
			b.ok(b.client.Create(t.Context(), object))
			b.create()
			if err := b.reconcile(); err == nil {
				t.Error("the pass did not fail")
			}
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
			after := object.DeepCopyObject().(client.Object)
			b.get(object.GetName(), after)
			if after.GetResourceVersion() != object.GetResourceVersion() {
				t.Error("the object was changed")
			}
			b.ok(b.client.Delete(t.Context(), object))
			b.settle()
			if c := b.condition(v1alpha1.ConditionDegraded); c.Reason == v1alpha1.ReasonNameConflict {
				t.Errorf("still %s after it was removed: %s", c.Reason, c.Message)
			}
		})
	}
}

func TestInvalidTemplateIsTold(t *testing.T) {
	for name, raw := range map[string]string{
		"misspelt":               `{"tolerationss":[]}`,
		"refused by the server":  `{"containers":[{"name":"proxy","resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}}]}`,
		"refused restart policy": `{"restartPolicy":"Never"}`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.create(func(c *v1alpha1.SIPCluster) {
				c.Spec.Template = &v1alpha1.PodTemplate{Spec: &runtime.RawExtension{Raw: []byte(raw)}}
			})
			if err := b.reconcile(); err == nil {
				t.Error("the pass did not fail")
			}
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonInvalidTemplate)
			c := b.cluster()
			c.Spec.Template = nil
			b.ok(b.client.Update(t.Context(), c))
			b.settle()
			b.get("ring", &appsv1.StatefulSet{})
		})
	}
}

func TestKeysAreNeverReplacedUnderPods(t *testing.T) {
	b := newBench(t)
	b.begin()
	before := b.secret("ring-keys")
	b.pod(0, ready)
	b.ok(b.client.Delete(t.Context(), before.DeepCopy()))
	if err := b.reconcile(); err == nil {
		t.Error("the pass did not fail")
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonKeysUnusable)
	b.remove(0, true)
	b.settle()
	after := b.secret("ring-keys")
	if string(after.Data[config.KeysKey]) == string(before.Data[config.KeysKey]) {
		t.Error("the new keys are the old ones")
	}
	after.Data[config.KeysKey] = []byte("{}")
	b.ok(b.client.Update(t.Context(), after))
	if err := b.reconcile(); err == nil {
		t.Error("damaged keys passed")
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonKeysUnusable)
	if m := b.condition(v1alpha1.ConditionDegraded).Message; strings.Contains(m, "secret\":") {
		t.Errorf("the message quotes the keys: %s", m)
	}
}

func TestKeysOfTheUserAreKept(t *testing.T) {
	b := newBench(t)
	b.begin()
	s := b.secret("ring-keys")
	theirs := strings.Replace(string(s.Data[config.KeysKey]), `"id": 1`, `"id": 9`, 1)
	s.Data[config.KeysKey] = []byte(theirs)
	b.ok(b.client.Update(t.Context(), s))
	b.restart(b.client)
	b.settle()
	b.get("ring-keys", s)
	if string(s.Data[config.KeysKey]) != theirs {
		t.Error("the keys were overwritten")
	}
}

// TestSecretsAreLookedAt: nobody tells of a Secret that is gone, so it is looked for
// soon.
func TestSecretsAreLookedAt(t *testing.T) {
	b := newBench(t)
	b.begin()
	b.pod(0, ready)
	result, err := b.r.Publish(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: b.ns, Name: "ring"}})
	b.ok(err)
	if again := result.RequeueAfter; again < 15*time.Second || again > 30*time.Second {
		t.Errorf("looks again after %v, want 15 to 30 s", again)
	}
	for _, name := range []string{"ring-keys", "ring-signer"} {
		b.ok(b.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: name}}))
	}
	if err := b.reconcile(); err == nil {
		t.Error("lost keys passed")
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonKeysUnusable)
	b.get("ring-signer", &corev1.Secret{})
}

package controllers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// allWell has three proxies in the ring, and the StatefulSet seen to.
func (b *bench) allWell() {
	b.Helper()
	b.begin()
	for i := range 3 {
		b.pod(i, ready)
	}
	b.settle()
	b.seenTo(3)
}

// seenTo is what the StatefulSet's controller says once nothing is left to do.
func (b *bench) seenTo(replicas int32) {
	b.Helper()
	set := b.statefulSet()
	set.Status = appsv1.StatefulSetStatus{ObservedGeneration: set.Generation, Replicas: replicas, UpdatedReplicas: replicas, CurrentRevision: "a", UpdateRevision: "a"}
	b.ok(b.client.Status().Update(b.Context(), set))
	b.settle()
}

// edit changes the spec, and no operator sees it.
func (b *bench) edit(change func(*v1alpha1.SIPClusterSpec)) {
	b.Helper()
	c := b.cluster()
	change(&c.Spec)
	b.ok(b.client.Update(b.Context(), c))
}

// failing runs a pass that must fail.
func (b *bench) failing() {
	b.Helper()
	if err := b.reconcile(); err == nil {
		b.Error("the pass did not fail")
	}
}

func crashed(s *corev1.PodStatus) {
	waiting("CrashLoopBackOff", "back-off 10s")(s)
	s.ContainerStatuses[0].RestartCount = 4
}

// foreignPod is a pod with our labels and a member's name that nobody controls.
func (b *bench) foreignPod(ordinal int) {
	b.Helper()
	b.podOf(ordinal, func(p *corev1.Pod) { p.OwnerReferences = nil })
	b.podStatus(ordinal, ready)
}

// wantedBy has another installation leave word that it is to carry the cluster out.
func (b *bench) wantedBy(identity string) {
	b.Helper()
	l := &coordinationv1.Lease{}
	b.get("ring-claim", l)
	metav1.SetMetaDataAnnotation(&l.ObjectMeta, "sipring.io/rival", identity+" 2026-01-02T03:04:05Z")
	b.ok(b.client.Update(b.Context(), l))
}

func newImage(s *v1alpha1.SIPClusterSpec) { s.Image = "example.com/sipring:2" }

func template(raw string) func(*v1alpha1.SIPClusterSpec) {
	return func(s *v1alpha1.SIPClusterSpec) {
		s.Template = &v1alpha1.PodTemplate{Spec: &runtime.RawExtension{Raw: []byte(raw)}}
	}
}

// states are what a SIPCluster may be in, and what a person would say of it:
// status in the words of kstatus, and the condition Ready.
var states = map[string]struct {
	bring  func(*bench)
	status status.Status
	ready  metav1.ConditionStatus
	reason string
}{
	"created, no operator": {func(b *bench) { b.create() }, status.InProgressStatus, metav1.ConditionUnknown, v1alpha1.ReasonPending},
	"no pods":              {(*bench).begin, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonScaling},
	"no pods for a minute": {func(b *bench) {
		b.goesByItsClock()
		b.begin()
		b.later(time.Minute)
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonPodsNotCreated},
	"all well": {(*bench).allWell, status.CurrentStatus, metav1.ConditionTrue, v1alpha1.ReasonServing},
	"stopped": {func(b *bench) {
		b.create(func(c *v1alpha1.SIPCluster) { c.Spec.Replicas = new(int32(0)) })
		b.settle()
		b.seenTo(0)
	}, status.CurrentStatus, metav1.ConditionTrue, v1alpha1.ReasonStopped},
	"rolling": {func(b *bench) {
		b.allWell()
		b.edit(newImage)
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonUpdating},
	"new spec, no operator": {func(b *bench) {
		b.allWell()
		b.edit(newImage)
	}, status.InProgressStatus, metav1.ConditionTrue, v1alpha1.ReasonServing},
	"pods crash": {func(b *bench) {
		b.begin()
		b.pod(0, crashed)
		b.settle()
	}, status.FailedStatus, metav1.ConditionFalse, v1alpha1.ReasonCrashLooping},
	"invalid template": {func(b *bench) {
		b.allWell()
		b.edit(template(`{"tolerationss":[]}`))
		b.failing()
	}, status.FailedStatus, metav1.ConditionFalse, v1alpha1.ReasonInvalidTemplate},
	"template mended": {func(b *bench) {
		b.allWell()
		b.edit(template(`{"tolerationss":[]}`))
		b.failing()
		b.edit(template(`{}`))
		b.settle()
	}, status.CurrentStatus, metav1.ConditionTrue, v1alpha1.ReasonServing},
	"name taken": {func(b *bench) {
		b.ok(b.client.Create(b.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "ring-members"}}))
		b.create()
		b.failing()
	}, status.FailedStatus, metav1.ConditionFalse, v1alpha1.ReasonNameConflict},
	"port that cannot be had": {func(b *bench) {
		b.create(func(c *v1alpha1.SIPCluster) { atNodePort(5060)(&c.Spec) })
		b.failing()
	}, status.FailedStatus, metav1.ConditionFalse, v1alpha1.ReasonApplyFailed},
	"member set refused": {func(b *bench) {
		b.begin()
		b.restart(b.refusing("ring-members"))
		b.pod(0, ready)
		b.failing()
	}, status.FailedStatus, metav1.ConditionFalse, v1alpha1.ReasonPublishFailed},
	"API server in trouble": {func(b *bench) {
		b.begin()
		b.restart(b.answered("ring-proxy", apierrors.NewInternalError(errors.New("etcd has no leader"))))
		b.edit(newImage)
		b.failing()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonApplyFailed},
	"write met another's": {func(b *bench) {
		b.allWell()
		b.edit(newImage)
		b.restart(b.answered("ring", apierrors.NewConflict(schema.GroupResource{}, "ring", errors.New("changed meanwhile"))))
		b.failing()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonRetrying},
	"no load balancer": {func(b *bench) {
		b.allWell()
		b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Service.Type = corev1.ServiceTypeLoadBalancer })
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonWaitingForAddress},
	"node lost": {func(b *bench) {
		b.allWell()
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: b.ns + "-node-1"}}
		b.ok(b.client.Create(b.Context(), node))
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
		b.ok(b.client.Status().Update(b.Context(), node))
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonNodeLost},
	"no node takes a pod": {func(b *bench) {
		b.begin()
		b.pod(0, func(s *corev1.PodStatus) {
			s.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes"}}
		})
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonUnschedulable},
	"paused": {func(b *bench) {
		b.allWell()
		b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused = true })
		b.settle()
	}, status.CurrentStatus, metav1.ConditionTrue, v1alpha1.ReasonServing},
	"paused, a change waits": {func(b *bench) {
		b.allWell()
		b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused, s.Image = true, "example.com/sipring:2" })
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonPaused},
	"paused from the beginning": {func(b *bench) {
		b.create(func(c *v1alpha1.SIPCluster) { c.Spec.Paused = true })
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonPaused},
	"two of three are to be new, and are": {func(b *bench) {
		b.allWell()
		b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Image, s.UpdateStrategy.Partition = "example.com/sipring:2", 1 })
		b.settle()
		set := b.statefulSet()
		set.Status = appsv1.StatefulSetStatus{ObservedGeneration: set.Generation, Replicas: 3, UpdatedReplicas: 2, CurrentRevision: "a", UpdateRevision: "b"}
		b.ok(b.client.Status().Update(b.Context(), set))
		b.settle()
	}, status.CurrentStatus, metav1.ConditionTrue, v1alpha1.ReasonServing},
	"no credentials": {func(b *bench) {
		b.create(func(c *v1alpha1.SIPCluster) { asks(&c.Spec) })
		b.settle()
	}, status.FailedStatus, metav1.ConditionFalse, v1alpha1.ReasonCredentialsUnusable},
	"credentials came": {func(b *bench) {
		b.users(map[string]string{"a": aUser})
		b.create(func(c *v1alpha1.SIPCluster) { asks(&c.Spec) })
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonScaling},
	"another operator wants it": {func(b *bench) {
		b.identity = "here/one"
		b.restart(b.client)
		b.allWell()
		b.wantedBy("there/two")
		b.restart(b.client)
		b.settle()
		b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonOtherOperator)
	}, status.CurrentStatus, metav1.ConditionTrue, v1alpha1.ReasonServing},
	"another operator wants it, and it rolls": {func(b *bench) {
		b.identity = "here/one"
		b.restart(b.client)
		b.allWell()
		b.wantedBy("there/two")
		b.restart(b.client)
		b.edit(newImage)
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonUpdating},
	"a pod that looks like a member": {func(b *bench) {
		b.allWell()
		b.foreignPod(7)
		b.settle()
		b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonForeignPod)
	}, status.CurrentStatus, metav1.ConditionTrue, v1alpha1.ReasonServing},
	"a pod that looks like a member, and one is replaced": {func(b *bench) {
		b.allWell()
		b.foreignPod(7)
		b.remove(1, true)
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonScaling},
	"a pod in a member's place": {func(b *bench) {
		b.begin()
		b.foreignPod(1)
		b.settle()
	}, status.FailedStatus, metav1.ConditionFalse, v1alpha1.ReasonForeignPod},
	"a pod in a member's place, which is going": {func(b *bench) {
		b.begin()
		b.foreignPod(1)
		b.remove(1, false)
		b.settle()
	}, status.InProgressStatus, metav1.ConditionFalse, v1alpha1.ReasonForeignPod},
	"being deleted": {func(b *bench) {
		b.allWell()
		c := b.cluster()
		c.Finalizers = []string{"example.com/wait"}
		b.ok(b.client.Update(b.Context(), c))
		b.ok(b.client.Delete(b.Context(), c))
		b.Cleanup(func() {
			if err := b.client.Get(context.Background(), client.ObjectKeyFromObject(c), c); err != nil {
				b.Error(err)
			}
			c.Finalizers = nil
			if err := b.client.Update(context.Background(), c); err != nil {
				b.Error(err)
			}
		})
		b.settle()
	}, status.TerminatingStatus, metav1.ConditionTrue, v1alpha1.ReasonServing},
}

// TestToolsSayWhatAPersonWould: Flux, Argo CD, kpt and helm --wait go by kstatus.
func TestToolsSayWhatAPersonWould(t *testing.T) {
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			state.bring(b)
			c := &unstructured.Unstructured{}
			c.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
			b.get("ring", c)
			got, err := status.Compute(c)
			b.ok(err)
			if got.Status != state.status {
				t.Errorf("kstatus says %s (%s), want %s", got.Status, got.Message, state.status)
			}
			b.want(v1alpha1.ConditionReady, state.ready, state.reason)
		})
	}
}

// TestEachConditionSaysOfWhichSpec it speaks: of the last that the operator saw,
// whether it could be carried out or not.
func TestEachConditionSaysOfWhichSpec(t *testing.T) {
	for _, name := range []string{"all well", "stopped", "rolling", "pods crash", "invalid template", "node lost", "no credentials"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			states[name].bring(b)
			c := b.cluster()
			if c.Status.ObservedGeneration != c.Generation {
				t.Errorf("status is of generation %d, the spec %d", c.Status.ObservedGeneration, c.Generation)
			}
			for _, condition := range c.Status.Conditions {
				if condition.ObservedGeneration != c.Generation {
					t.Errorf("%s is of generation %d, the spec %d", condition.Type, condition.ObservedGeneration, c.Generation)
				}
			}
			if ready := meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady); ready &&
				(meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReconciling) != nil || meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionStalled) != nil) {
				t.Error("ready, and not so at once")
			}
		})
	}
}

func TestKubectlWaitsForReady(t *testing.T) {
	b := newBench(t)
	b.allWell()
	server.Kubectl(t, "", "--namespace", b.ns, "wait", "--for=condition=Ready", "sipcluster/ring", "--timeout=20s")
}

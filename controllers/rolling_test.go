package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers"
	"github.com/sipring/sipring/controllers/desired"
)

// fleet is several SIPClusters of one member each, a to e, in one namespace, under one
// operator whose clock is the test's.
type fleet struct {
	*bench
	clock time.Time
}

var fleetNames = []string{"a", "b", "c", "d", "e"}

func newFleet(t *testing.T, rolling controllers.Rolling) *fleet {
	t.Helper()
	f := &fleet{bench: newBench(t), clock: time.Now()}
	f.now = func() time.Time { return f.clock }
	f.rolling = rolling
	f.operator("example.com/sipring:1")
	for _, name := range fleetNames {
		f.begins(name)
	}
	f.passes()
	for _, name := range fleetNames {
		f.runs(name)
	}
	f.passes()
	return f
}

// begins makes the SIPCluster.
func (b *bench) begins(name string) {
	b.Helper()
	c := &v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: name}}
	c.Spec.Domains, c.Spec.Replicas = []v1alpha1.Domain{"example.com"}, new(int32(1))
	c.Spec.Authentication = &v1alpha1.Authentication{Open: &v1alpha1.Open{}}
	b.ok(b.client.Create(b.Context(), c))
}

// runs makes its pod, which is ready.
func (b *bench) runs(name string) {
	b.Helper()
	set := &appsv1.StatefulSet{}
	b.get(name, set)
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: b.ns, Name: name + "-0", Labels: desired.Labels(name),
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))},
	}}
	p.Spec = corev1.PodSpec{NodeName: b.ns + "-node", Containers: []corev1.Container{{Name: desired.Container, Image: "example.com/sipring:1"}}}
	b.ok(b.client.Create(b.Context(), p))
	p.Status.PodIP = fmt.Sprintf("10.0.1.%d", name[0])
	p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
	ready(&p.Status)
	b.ok(b.client.Status().Update(b.Context(), p))
	b.replaced(name)
}

// operator is one that knows nothing yet, whose own image is the given one.
func (f *fleet) operator(image string) {
	f.Helper()
	f.image = image
	f.restart(client.NewNamespacedClient(f.client, f.ns))
}

func (f *fleet) passes() {
	f.Helper()
	for range 3 {
		for _, name := range fleetNames {
			if _, err := f.passOf(name); err != nil {
				f.Fatal(name, err)
			}
		}
	}
}

// replaced is what the StatefulSet's controller says once the pods are replaced.
func (b *bench) replaced(name string) {
	b.Helper()
	set := &appsv1.StatefulSet{}
	b.get(name, set)
	n := *set.Spec.Replicas
	set.Status = appsv1.StatefulSetStatus{ObservedGeneration: set.Generation, Replicas: n, UpdatedReplicas: n, CurrentRevision: "a", UpdateRevision: "a"}
	b.ok(b.client.Status().Update(b.Context(), set))
}

// with are the SIPClusters whose pods are to have the image, or have it; pending those
// whose pods are not replaced yet.
func (b *bench) with(image string) (all, pending []string) {
	b.Helper()
	for _, name := range fleetNames {
		set := &appsv1.StatefulSet{}
		b.get(name, set)
		if proxyImage(set) == image {
			all = append(all, name)
		}
		if set.Status.ObservedGeneration < set.Generation {
			pending = append(pending, name)
		}
	}
	return all, pending
}

func (f *fleet) newImage(want int, when string) (pending []string) {
	f.Helper()
	f.passes()
	all, pending := f.with("example.com/sipring:2")
	if len(all) != want {
		f.Fatalf("%s: %v have the new image, %v pending; want %d", when, all, pending, want)
	}
	return pending
}

func (f *fleet) progressing(name string) metav1.Condition {
	f.Helper()
	c := &v1alpha1.SIPCluster{}
	f.get(name, c)
	return *meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionProgressing)
}

func (f *fleet) change(name string, edit func(*v1alpha1.SIPClusterSpec)) {
	f.Helper()
	c := &v1alpha1.SIPCluster{}
	f.get(name, c)
	edit(&c.Spec)
	f.ok(f.client.Update(f.Context(), c))
}

// count is of the Events with that reason of the SIPCluster.
func (f *fleet) count(name, reason string) (n int, last string) {
	for _, note := range f.events.notes {
		if strings.HasPrefix(note, "v1alpha1.SIPCluster "+name+" "+reason+": ") {
			n, last = n+1, note
		}
	}
	return n, last
}

// TestOperatorUpdateTakesTurns: a new operator replaces the pods of two SIPClusters at
// a time, with a pause after each, whoever leads meanwhile.
func TestOperatorUpdateTakesTurns(t *testing.T) {
	f := newFleet(t, controllers.Rolling{Clusters: 2, Pause: time.Minute})
	f.operator("example.com/sipring:2")
	first := f.newImage(2, "at first")
	waits := slices.IndexFunc(fleetNames, func(n string) bool { return !slices.Contains(first, n) })
	waiting := fleetNames[waits]
	if c := f.progressing(waiting); c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonUpdateWaiting ||
		!strings.Contains(c.Message, "image example.com/sipring:1 -> example.com/sipring:2") || !strings.Contains(c.Message, f.ns+"/"+first[0]) {
		t.Errorf("%s: %s %s", waiting, c.Reason, c.Message)
	}
	if n, note := f.count(waiting, v1alpha1.EventUpdateWaiting); n != 1 {
		t.Errorf("%d Events that %s waits: %s", n, waiting, note)
	}
	if n, note := f.count(first[0], v1alpha1.EventRollingUpdateStarted); n != 1 || !strings.Contains(note, "image example.com/sipring:1 -> example.com/sipring:2 (it comes with the operator)") {
		t.Errorf("%d Events before: %s", n, note)
	}

	f.operator("example.com/sipring:2") // another leader
	f.newImage(2, "under a new leader")
	f.clock = f.clock.Add(42 * time.Second)
	f.replaced(first[0])
	f.newImage(2, "one is done, in its pause")
	if n, note := f.count(first[0], v1alpha1.EventRollingUpdateDone); n != 1 || !strings.Contains(note, "in 42s: image") {
		t.Errorf("%d Events after: %s", n, note)
	}
	f.operator("example.com/sipring:2")
	f.clock = f.clock.Add(59 * time.Second)
	f.newImage(2, "one is done, in its pause, under a new leader")
	if n, _ := f.count(first[0], v1alpha1.EventRollingUpdateDone); n != 0 {
		t.Error("its end is told again")
	}
	f.clock = f.clock.Add(2 * time.Second)
	if pending := f.newImage(3, "after the pause"); len(pending) != 2 {
		t.Errorf("%v are pending, want 2", pending)
	}
	for range fleetNames {
		_, pending := f.with("")
		if len(pending) > 2 {
			t.Errorf("%v are pending at once", pending)
		}
		for _, name := range pending {
			f.replaced(name)
		}
		f.passes()
		f.clock = f.clock.Add(time.Minute)
		f.passes()
	}
	if all, pending := f.with("example.com/sipring:2"); len(all) != 5 || len(pending) != 0 {
		t.Errorf("at last %v have the new image, %v are pending", all, pending)
	}
	if c := f.progressing(waiting); c.Reason != v1alpha1.ReasonStable {
		t.Errorf("%s: %s %s", waiting, c.Reason, c.Message)
	}
}

// TestOneThatHangsKeepsTheOthersAsTheyAre: a new image that does not start reaches one
// SIPCluster and no more, however long, until a person or another operator mends it.
func TestOneThatHangsKeepsTheOthersAsTheyAre(t *testing.T) {
	f := newFleet(t, controllers.Rolling{Clusters: 1})
	f.operator("example.com/sipring:2")
	hangs := f.newImage(1, "at first")[0]
	p := &corev1.Pod{}
	f.get(hangs+"-0", p)
	crashed(&p.Status)
	f.ok(f.client.Status().Update(t.Context(), p))
	f.clock = f.clock.Add(24 * time.Hour)
	f.newImage(1, "a day later")
	waiting := fleetNames[1]
	if waiting == hangs {
		waiting = fleetNames[0]
	}
	if c := f.progressing(waiting); !strings.Contains(c.Message, f.ns+"/"+hangs) || !strings.Contains(c.Message, v1alpha1.ReasonCrashLooping) {
		t.Errorf("it does not say for whom and why: %s", c.Message)
	}
	f.operator("example.com/sipring:1") // rolled back
	f.passes()
	if all, _ := f.with("example.com/sipring:1"); len(all) != 5 {
		t.Errorf("after the way back only %v have the old image", all)
	}
	if c := f.progressing(waiting); c.Reason != v1alpha1.ReasonStable {
		t.Errorf("%s: %s %s", waiting, c.Reason, c.Message)
	}
}

// TestOwnChangeDoesNotWait: what a person changes of a SIPCluster whose turn has not
// come is carried out at once; what concerns no pods does not bring the turn on.
func TestOwnChangeDoesNotWait(t *testing.T) {
	f := newFleet(t, controllers.Rolling{Clusters: 1})
	f.operator("example.com/sipring:2")
	first := f.newImage(1, "at first")[0]
	waiting := slices.DeleteFunc(slices.Clone(fleetNames), func(n string) bool { return n == first })

	f.change(waiting[0], func(s *v1alpha1.SIPClusterSpec) { s.Replicas = new(int32(4)) })
	f.change(waiting[1], func(s *v1alpha1.SIPClusterSpec) { s.Service.Annotations = map[string]string{"a": "b"} })
	f.change(waiting[2], func(s *v1alpha1.SIPClusterSpec) { s.Paused = true })
	f.newImage(1, "after changes that concern no pods")
	set := &appsv1.StatefulSet{}
	if f.get(waiting[0], set); *set.Spec.Replicas != 4 {
		t.Errorf("%d pods asked for, want 4: it waits", *set.Spec.Replicas)
	}
	service := &corev1.Service{}
	if f.get(waiting[1], service); service.Annotations["a"] != "b" {
		t.Error("the Service waits")
	}
	f.change(waiting[2], func(s *v1alpha1.SIPClusterSpec) { s.Paused = false })
	f.newImage(1, "after a pause")

	f.change(waiting[3], func(s *v1alpha1.SIPClusterSpec) { s.Domains = []v1alpha1.Domain{"example.org"} })
	f.newImage(2, "after a change of the pods")
	if n, note := f.count(waiting[3], v1alpha1.EventRollingUpdateStarted); n != 1 || !strings.Contains(note, "config.yaml (the SIPCluster changed)") {
		t.Errorf("%d Events before: %s", n, note)
	}
	f.replaced(waiting[3])
	f.newImage(2, "which takes no turn from the others")
	f.replaced(first)
	f.newImage(3, "when the turn is over")
}

// everywhere says whether all have the image; it waits for those that are not made.
func (b *bench) everywhere(image string) (string, bool) {
	sets := &appsv1.StatefulSetList{}
	if err := b.client.List(b.Context(), sets, client.InNamespace(b.ns)); err != nil {
		return err.Error(), false
	}
	n := 0
	for i := range sets.Items {
		if proxyImage(&sets.Items[i]) == image {
			n++
		}
	}
	return fmt.Sprintf("%d of %d", n, len(fleetNames)), n == len(fleetNames)
}

// TestTurnsPassOn in a whole operator: what ends a turn wakes the next by itself.
func TestTurnsPassOn(t *testing.T) {
	b := newSerialBench(t)
	b.rolling = controllers.Rolling{Clusters: 1}
	_, stop := b.operator()
	for _, name := range fleetNames {
		b.begins(name)
	}
	b.await("the first image", func() (string, bool) {
		return b.everywhere("example.com/sipring:1")
	})
	stop()
	for _, name := range fleetNames {
		b.runs(name)
	}
	b.image = "example.com/sipring:2"
	_, stop = b.operator()
	most := 0
	b.await("the next image", func() (string, bool) {
		said, done := b.everywhere("example.com/sipring:2")
		_, pending := b.with("")
		most = max(most, len(pending))
		for _, name := range pending {
			b.replaced(name)
		}
		return said, done
	})
	stop()
	if most != 1 {
		t.Errorf("up to %d at once, want 1", most)
	}
}

package controllers_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// orphan deletes the SIPCluster and leaves its objects, as the garbage collector
// does when it is asked to.
func (b *bench) orphan() {
	b.Helper()
	b.ok(b.client.Delete(b.Context(), b.cluster(), client.PropagationPolicy(metav1.DeletePropagationOrphan)))
	objects := owned()
	b.fill(objects)
	for _, o := range objects {
		b.disown(o)
	}
	slices := &discoveryv1.EndpointSliceList{}
	b.ok(b.client.List(b.Context(), slices, client.InNamespace(b.ns)))
	for i := range slices.Items {
		b.disown(&slices.Items[i])
	}
	b.ok(b.client.Patch(b.Context(), b.cluster(), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
}

// disown takes the owners off an object.
func (b *bench) disown(o client.Object) {
	b.Helper()
	b.ok(b.client.Patch(b.Context(), o, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null}}`))))
}

// collected ends the deletion of the StatefulSet as the garbage collector does
// where its pods are to stay: they are nobody's.
func (b *bench) collected(pods int) {
	b.Helper()
	for i := range pods {
		p := &corev1.Pod{}
		b.get(fmt.Sprintf("ring-%d", i), p)
		b.disown(p)
	}
	set := b.statefulSet()
	if set.DeletionTimestamp.IsZero() || !slices.Contains(set.Finalizers, metav1.FinalizerOrphanDependents) {
		b.Fatalf("deleted at %v with finalizers %v, want it to be without its pods", set.DeletionTimestamp, set.Finalizers)
	}
	b.ok(b.client.Patch(b.Context(), set, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
}

// TestOrphansAreCarriedOn: a SIPCluster is deleted without its objects and made
// anew. No member leaves, the epoch, the ring and the keys go on, and a proxy that
// ran before believes the next set as soon as it is told of the new identity.
func TestOrphansAreCarriedOn(t *testing.T) {
	for name, restarted := range map[string]bool{"the same operator": false, "another operator": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.begin()
			for i := range 3 {
				b.pod(i, ready)
				b.settle()
			}
			before, trust, keys, set := b.members(), b.trust(), &corev1.Secret{}, b.statefulSet()
			b.get("ring-keys", keys)
			b.orphan()
			if restarted {
				b.restart(b.client)
			} else {
				b.ok(b.reconcile()) // it hears of the end
			}
			b.create()
			b.ok(b.reconcile()) // nothing is taken out in the first pass either
			if now := b.members(); now.Epoch < before.Epoch || now.Ring != before.Ring || !cmp.Equal(now.Members, before.Members) {
				t.Errorf("epoch %d of %v %s, before %d of %v %s", now.Epoch, now.Ring, inShort(now), before.Epoch, before.Ring, inShort(before))
			}
			b.settle()
			if got := b.traffic(); got != "0 1 2" {
				t.Errorf("traffic to %q", got)
			}
			after := b.secret("ring-keys")
			if now := b.trust(); !cmp.Equal(now.Keys, trust.Keys) || now.Cluster != desired.Identity(b.cluster()) || now.Cluster == trust.Cluster {
				t.Errorf("trust %+v, before %+v", now, trust)
			}
			if !cmp.Equal(keys.Data, after.Data) || b.statefulSet().UID != set.UID {
				t.Error("the keys or the StatefulSet are others")
			}
			objects := owned()
			b.fill(objects)
			for key, o := range objects {
				if _, secret := o.(*corev1.Secret); !secret && !metav1.IsControlledBy(o, b.cluster()) {
					t.Errorf("%s is not the new SIPCluster's", key)
				}
			}
			b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
			if told := b.told(); !slices.Contains(told, v1alpha1.EventAdopted) {
				t.Errorf("events %v", told)
			}
			b.pod(3, ready)
			b.settle()
			if now := b.believed(); now.Epoch <= before.Epoch || len(now.Members) != 4 {
				t.Errorf("epoch %d of %d members after a change, before %d of 3", now.Epoch, len(now.Members), before.Epoch)
			}
		})
	}
}

// TestOperatorCarriesOn with its own rights and caches: orphans, a StatefulSet that
// is in the way, and the epochs that proxies have.
func TestOperatorCarriesOn(t *testing.T) {
	b := newSerialBench(t)
	other := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "ring", Labels: desired.Labels("ring")}}
	other.Spec.ServiceName = "elsewhere"
	other.Spec.Selector = &metav1.LabelSelector{MatchLabels: desired.SelectorLabels("ring")}
	other.Spec.Template.Labels = desired.Labels("ring")
	other.Spec.Template.Spec.Containers = []corev1.Container{{Name: "x", Image: "example.com/x"}}
	b.ok(b.client.Create(t.Context(), other))
	b.operator()
	b.create()
	b.await("the StatefulSet's end", func() (string, bool) {
		set := b.statefulSet()
		return fmt.Sprint(set.DeletionTimestamp), !set.DeletionTimestamp.IsZero()
	})
	b.collected(0)
	b.await("the StatefulSet as wanted", func() (string, bool) {
		return b.statefulSet().Spec.ServiceName, b.statefulSet().Spec.ServiceName == "ring-peers"
	})
	for i := range 3 {
		b.pod(i, ready)
	}
	b.awaitStates("0:active 1:active 2:active")
	b.orphan()
	before := b.members()
	b.create()
	b.await("all is the new SIPCluster's", func() (string, bool) {
		objects := owned()
		b.fill(objects)
		for key, o := range objects {
			if _, secret := o.(*corev1.Secret); !secret && !metav1.IsControlledBy(o, b.cluster()) {
				return key + " is not", false
			}
		}
		return "", b.trust().Believes(b.members())
	})
	if now := b.members(); now.Epoch < before.Epoch || now.Ring != before.Ring || !cmp.Equal(now.Members, before.Members) {
		t.Errorf("epoch %d of %s, before %d of %s", now.Epoch, inShort(now), before.Epoch, inShort(before))
	}

	for i := range 3 {
		b.reached(i, "4711")
	}
	b.await("an epoch above the proxies'", func() (string, bool) {
		return fmt.Sprint(b.members().Epoch), b.members().Epoch == 4712
	})
}

// TestOwnersTakenOffComeBack while the SIPCluster stays.
func TestOwnersTakenOffComeBack(t *testing.T) {
	b := newRing(t, 1)
	before := b.members()
	objects := owned()
	b.fill(objects)
	for _, o := range objects {
		if _, secret := o.(*corev1.Secret); !secret {
			b.disown(o)
		}
	}
	b.settle()
	b.fill(objects)
	for key, o := range objects {
		if !metav1.IsControlledBy(o, b.cluster()) {
			t.Errorf("%s is nobody's", key)
		}
	}
	if d := cmp.Diff(before, b.members()); d != "" {
		t.Errorf("the set changed (-before +after):\n%s", d)
	}
}

// TestWhatIsNotOursIsNotAdopted: it takes all of our labels and that nobody
// controls it, whatever the kind.
func TestWhatIsNotOursIsNotAdopted(t *testing.T) {
	labels := desired.Labels("ring")
	metas := map[string]metav1.ObjectMeta{
		"no labels":           {},
		"the cluster's alone": {Labels: map[string]string{config.LabelCluster: "ring"}},
		"another cluster's":   {Labels: desired.Labels("other")},
		"of another":          {Labels: labels, OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "x", UID: "x", Controller: new(true)}}},
		"of an earlier of the name": {Labels: labels, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind, Name: "ring", UID: "earlier", Controller: new(true),
		}}},
	}
	objects := map[string]func(metav1.ObjectMeta) client.Object{
		"ring-members": func(m metav1.ObjectMeta) client.Object { return &corev1.ConfigMap{ObjectMeta: m} },
		"ring-trust":   func(m metav1.ObjectMeta) client.Object { return &corev1.ConfigMap{ObjectMeta: m} },
		"ring-peers": func(m metav1.ObjectMeta) client.Object {
			return &corev1.Service{ObjectMeta: m, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
		},
	}
	for name, meta := range metas {
		for object, build := range objects {
			t.Run(name+", "+object, func(t *testing.T) {
				b := newBench(t)
				meta.Namespace, meta.Name = b.ns, object
				o := build(meta)
				b.ok(b.client.Create(t.Context(), o))
				b.create()
				if err := b.reconcile(); err == nil {
					t.Error("the pass did not fail")
				}
				b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
				after := build(metav1.ObjectMeta{})
				b.get(object, after)
				if after.GetResourceVersion() != o.GetResourceVersion() {
					t.Error("it was changed")
				}
			})
		}
	}
}

// TestPlantedSetUsesUpNoEpochs: where the keys are lost or not made yet nobody can
// tell who wrote a set that is adopted.
func TestPlantedSetUsesUpNoEpochs(t *testing.T) {
	b := newBench(t)
	planted := &config.MemberSet{Epoch: config.MaxEpoch, Members: []config.Member{}}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "ring-members", Labels: desired.Labels("ring")}}
	cm.Data = map[string]string{config.MembersKey: string(must(planted.Marshal()))}
	b.ok(b.client.Create(t.Context(), cm))
	b.begin()
	for i := range 3 {
		b.pod(i, ready)
		b.settle()
	}
	if set := b.believed(); len(set.Members) != 3 || set.Epoch > config.MaxEpoch/2 {
		t.Errorf("epoch %d of %d members", set.Epoch, len(set.Members))
	}
}

// TestImmutableFieldReplacesTheStatefulSet, and no member leaves meanwhile.
func TestImmutableFieldReplacesTheStatefulSet(t *testing.T) {
	for name, change := range map[string]func(*appsv1.StatefulSetSpec){
		"serviceName":         func(s *appsv1.StatefulSetSpec) { s.ServiceName = "elsewhere" },
		"podManagementPolicy": func(s *appsv1.StatefulSetSpec) { s.PodManagementPolicy = appsv1.OrderedReadyPodManagement },
		"selector": func(s *appsv1.StatefulSetSpec) {
			s.Selector.MatchLabels = map[string]string{config.LabelCluster: "ring"}
		},
		"volumeClaimTemplates": func(s *appsv1.StatefulSetSpec) {
			claim := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data"}}
			claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
			claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: must(resource.ParseQuantity("1Gi"))}
			s.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{claim}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.begin()
			other := b.statefulSet()
			b.ok(b.client.Delete(t.Context(), other))
			other.ObjectMeta = metav1.ObjectMeta{Namespace: b.ns, Name: "ring", Labels: other.Labels, OwnerReferences: other.OwnerReferences}
			change(&other.Spec)
			b.ok(b.client.Create(t.Context(), other))
			for i := range 3 {
				b.pod(i, ready)
			}
			b.restart(b.client)
			check := func(when string) {
				t.Helper()
				b.settle()
				if got := b.states(); got != "0:active 1:active 2:active" || b.traffic() != "0 1 2" {
					t.Errorf("%s: %s, traffic to %q", when, got, b.traffic())
				}
			}
			check("deleted")
			if told := b.told(); !slices.Contains(told, v1alpha1.EventReplaced) {
				t.Errorf("events %v", told)
			}
			b.collected(3)
			check("gone")
			now := b.statefulSet()
			if now.UID == other.UID || now.Spec.ServiceName != "ring-peers" || now.Spec.PodManagementPolicy != appsv1.ParallelPodManagement ||
				!cmp.Equal(now.Spec.Selector.MatchLabels, desired.SelectorLabels("ring")) || len(now.Spec.VolumeClaimTemplates) != 0 {
				t.Errorf("not as wanted: %+v", now.Spec)
			}
			check("made anew")
			if b.statefulSet().UID != now.UID {
				t.Error("it is replaced again and again")
			}
		})
	}
}

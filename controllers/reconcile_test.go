package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// owned are the objects that a new SIPCluster is made of.
func owned() map[string]client.Object {
	return map[string]client.Object{
		"ConfigMap/ring-members":   &corev1.ConfigMap{},
		"Secret/ring-keys":         &corev1.Secret{},
		"ServiceAccount":           &corev1.ServiceAccount{},
		"Role":                     &rbacv1.Role{},
		"RoleBinding":              &rbacv1.RoleBinding{},
		"Service/ring":             &corev1.Service{},
		"Service/ring-peers":       &corev1.Service{},
		"PodDisruptionBudget/ring": &policyv1.PodDisruptionBudget{},
		"NetworkPolicy/ring":       &networkingv1.NetworkPolicy{},
		"StatefulSet/ring":         &appsv1.StatefulSet{},
		"ConfigMap/ring-trust":     &corev1.ConfigMap{},
		"Secret/ring-signer":       &corev1.Secret{},
	}
}

func (b *bench) fill(objects map[string]client.Object) {
	b.Helper()
	for key, o := range objects {
		name := "ring-proxy"
		for i := range key {
			if key[i] == '/' {
				name = key[i+1:]
			}
		}
		b.get(name, o)
	}
}

func TestCreatesEverything(t *testing.T) {
	b := newBench(t)
	b.begin()
	c, objects := b.cluster(), owned()
	b.fill(objects)
	for key, o := range objects {
		if !metav1.IsControlledBy(o, c) {
			t.Errorf("%s is not controlled by the SIPCluster", key)
		}
		if o.GetLabels()[config.LabelCluster] != "ring" {
			t.Errorf("%s has not our label", key)
		}
	}
	if s := objects["Service/ring"].(*corev1.Service).Spec.Selector; len(s) != 0 {
		t.Errorf("the client Service has the selector %v", s)
	}
	if _, err := config.ParseKeys(objects["Secret/ring-keys"].(*corev1.Secret).Data[config.KeysKey]); err != nil {
		t.Error(err)
	}
	if _, err := config.ParseConfig([]byte(objects["StatefulSet/ring"].(*appsv1.StatefulSet).Spec.Template.Annotations[desired.AnnotationConfig])); err != nil {
		t.Error(err)
	}
	address := objects["Service/ring"].(*corev1.Service).Spec.ClusterIP + ":5060"
	if set := b.members(); set.Advertise != address || len(set.Members) != 0 {
		t.Errorf("first set is %+v, want nobody at %s", set, address)
	}
	b.want(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonNoActiveMember)
	b.want(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonScaling)
	if c := b.cluster(); c.Status.ObservedGeneration != c.Generation {
		t.Errorf("observed generation %d of %d", c.Status.ObservedGeneration, c.Generation)
	}
}

func TestPassWithoutNewsWritesNothing(t *testing.T) {
	b := newRing(t, 1)
	versions := func() map[string]string {
		objects, v := owned(), map[string]string{"SIPCluster": b.cluster().ResourceVersion}
		b.fill(objects)
		for key, o := range objects {
			v[key] = o.GetResourceVersion()
		}
		return v
	}
	before := versions()
	b.settle()
	b.restart(b.client)
	b.settle()
	if d := cmp.Diff(before, versions()); d != "" {
		t.Errorf("resource versions changed (-before +after):\n%s", d)
	}
	if told := b.told(); len(told) != 0 {
		t.Errorf("events %v without news", told)
	}
}

// TestMembersFollowPods goes through a pod's life.
func TestMembersFollowPods(t *testing.T) {
	b := newBench(t)
	b.begin()
	epoch := b.members().Epoch
	step := func(name, want string, changed bool, events ...string) {
		t.Helper()
		b.settle()
		if got := b.states(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		now := b.members().Epoch
		if now < epoch || (now > epoch) != changed {
			t.Errorf("%s: epoch %d after %d", name, now, epoch)
		}
		epoch = now
		if d := cmp.Diff(events, b.told()); d != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, d)
		}
		if s := b.cluster().Status; s.Epoch != int64(epoch) {
			t.Errorf("%s: status has epoch %d, the set %d", name, s.Epoch, epoch)
		}
	}
	b.told()
	for i := range 3 {
		b.pod(i, starting)
	}
	step("addresses", "0:joining 1:joining 2:joining", true)
	for i := range 3 {
		b.podStatus(i, ready)
	}
	step("ready", "0:active 1:active 2:active", true, "MemberJoined", "MemberJoined", "MemberJoined", "RingChanged")
	b.want(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonServing)
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
	step("nothing", "0:active 1:active 2:active", false)
	b.podStatus(1, ended)
	step("crash", "0:active 1:joining 2:active", true, "MemberLost", "RingChanged", "MemberNotReady")
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonMemberNotReady)
	b.podStatus(1, ready)
	step("back", "0:active 1:active 2:active", true, "MemberJoined", "RingChanged")
	b.remove(2, false)
	step("asked to go", "0:active 1:active 2:draining", true, "MemberDraining", "RingChanged")
	b.remove(2, true)
	step("gone", "0:active 1:active", true, "MemberLeft")
	b.remove(1, true)
	step("killed", "0:active", true, "MemberLost", "RingChanged", "NoQuorum")
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonNoQuorum)
	b.podStatus(0, starting)
	step("all not ready", "0:active", false, "MembersNotReady")
	b.want(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonMembersNotReady)
}

// TestEventsNameThePod: what befalls a member is told of its pod as well.
func TestEventsNameThePod(t *testing.T) {
	b := newBench(t)
	b.begin()
	const cluster, pod = "v1alpha1.SIPCluster ring", "v1.Pod ring-0"
	check := func(want ...recorded) {
		t.Helper()
		b.events.events = nil
		b.ok(b.reconcile())
		if d := cmp.Diff(want, b.events.events, cmp.AllowUnexported(recorded{})); d != "" {
			t.Errorf("events (-want +got):\n%s", d)
		}
	}
	b.pod(0, ready)
	check(
		recorded{cluster, pod, v1alpha1.EventMemberJoined},
		recorded{pod, cluster, v1alpha1.EventMemberJoined},
		recorded{cluster, "", v1alpha1.EventRingChanged})
	b.remove(0, false)
	check(
		recorded{cluster, pod, v1alpha1.EventMemberDraining},
		recorded{pod, cluster, v1alpha1.EventMemberDraining},
		recorded{cluster, "", v1alpha1.EventRingChanged})
	b.remove(0, true)
	check(recorded{cluster, "", v1alpha1.EventMemberLeft})
}

func TestSlicesFollowMembers(t *testing.T) {
	b := newBench(t)
	b.begin()
	b.ok(b.client.Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: b.ns + "-node-0", Labels: map[string]string{corev1.LabelTopologyZone: "east"},
	}}))
	b.pod(0, ready)
	b.pod(1, starting)
	b.pod(2, ready)
	b.remove(2, false)
	b.settle()
	slice := &discoveryv1.EndpointSlice{}
	b.get("ring-ipv4-5060-0", slice)
	if slice.Labels[discoveryv1.LabelServiceName] != "ring" || slice.Labels[discoveryv1.LabelManagedBy] != desired.SlicesManagedBy {
		t.Errorf("labels are %v", slice.Labels)
	}
	type row struct{ Address, Node, Zone, Pod, Conditions string }
	var got []row
	for _, e := range slice.Endpoints {
		zone := ""
		if e.Zone != nil {
			zone = *e.Zone
		}
		got = append(got, row{e.Addresses[0], *e.NodeName, zone, e.TargetRef.Name, fmt.Sprint(*e.Conditions.Ready, *e.Conditions.Serving, *e.Conditions.Terminating)})
	}
	want := []row{
		{"10.0.0.1", b.ns + "-node-0", "east", "ring-0", "true true false"},
		{"10.0.0.2", b.ns + "-node-1", "", "ring-1", "false false false"},
		{"10.0.0.3", b.ns + "-node-2", "", "ring-2", "false true true"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("endpoints (-want +got):\n%s", d)
	}
	for i := range 3 {
		b.remove(i, true)
	}
	b.settle()
	err := b.client.Get(t.Context(), client.ObjectKeyFromObject(slice), slice)
	if !apierrors.IsNotFound(err) {
		t.Errorf("the slice of nobody is still there: %v", err)
	}
}

func TestNodeLost(t *testing.T) {
	b := newBench(t)
	b.begin()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: b.ns + "-node-1"}}
	b.ok(b.client.Create(t.Context(), node))
	for i := range 3 {
		b.pod(i, ready)
	}
	b.settle()
	for status, want := range map[corev1.ConditionStatus]string{
		corev1.ConditionUnknown: "0:active 1:active 2:active NodeLost", // nobody misses it
		corev1.ConditionFalse:   "0:active 1:active 2:active Healthy",  // its kubelet is heard of: the pod's own word counts
	} {
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}
		b.ok(b.client.Status().Update(t.Context(), node))
		b.settle()
		if got := b.states() + " " + b.condition(v1alpha1.ConditionDegraded).Reason; got != want {
			t.Errorf("node ready %s: %s, want %s", status, got, want)
		}
	}
}

func TestEvictionByReports(t *testing.T) {
	b := newRing(t, 3)
	b.told()
	check := func(want string, events ...string) {
		t.Helper()
		b.settle()
		if got := b.states(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if d := cmp.Diff(events, b.told()); d != "" {
			t.Errorf("events (-want +got):\n%s", d)
		}
	}
	b.suspects(0, "ring-2")
	check("0:active 1:active 2:active")
	b.suspects(2, "ring-0,ring-1")
	check("0:active 1:active 2:active")
	b.suspects(1, "ring-2")
	check("0:active 1:active 2:joining", "MemberLost", "RingChanged", "MemberEvicted")
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonMemberEvicted)
	if s := b.cluster().Status.Members[2].State; s != v1alpha1.MemberEvicted {
		t.Errorf("status says %s", s)
	}
	slice := &discoveryv1.EndpointSlice{}
	b.get("ring-ipv4-5060-0", slice)
	if c := slice.Endpoints[2].Conditions; *c.Ready || *c.Serving {
		t.Errorf("the evicted member still takes traffic")
	}
	b.suspects(0, "")
	check("0:active 1:active 2:active", "MemberJoined", "RingChanged")
}

// TestEvictedAsItsProcessEnded: where the others say so, before the kubelet does, the
// Events and the condition say that it ended, and nothing of a network.
func TestEvictedAsItsProcessEnded(t *testing.T) {
	b := newRing(t, 3)
	b.told()
	b.saysEnded(0, "ring-2")
	b.saysEnded(1, "ring-2")
	b.settle()
	notes := strings.Join(b.events.notes, "\n")
	if !strings.Contains(notes, "is out of the ring: its process ended") || !strings.Contains(notes, "nothing listens at ring-2 any more: its process ended") || strings.Contains(notes, "network") {
		t.Errorf("the Events say\n%s", notes)
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonMemberEvicted)
	if m := b.condition(v1alpha1.ConditionDegraded).Message; strings.Contains(m, "network") {
		t.Errorf("the condition says %s", m)
	}
}

func TestScale(t *testing.T) {
	b := newRing(t, 1)
	scale := &autoscalingv1.Scale{}
	b.ok(b.client.SubResource("scale").Get(t.Context(), b.cluster(), scale))
	if scale.Spec.Replicas != 3 || scale.Status.Replicas != 1 || scale.Status.Selector != "app.kubernetes.io/name=sipring,sipring.io/cluster=ring" {
		t.Errorf("scale is %+v %+v", scale.Spec, scale.Status)
	}
	scale.Spec.Replicas = 5
	b.ok(b.client.SubResource("scale").Update(t.Context(), b.cluster(), client.WithSubResourceBody(scale)))
	b.settle()
	set, role := &appsv1.StatefulSet{}, &rbacv1.Role{}
	b.get("ring", set)
	b.get("ring-proxy", role)
	if *set.Spec.Replicas != 5 || len(role.Rules[2].ResourceNames) != 5 {
		t.Errorf("%d replicas, leases of %v", *set.Spec.Replicas, role.Rules[2].ResourceNames)
	}
	if got := b.inRing(); got != "1/5" {
		t.Errorf("members %s, want 1/5", got)
	}
}

// TestNewTemplateIsNotStableAtOnce: the pass that applies it goes by a cache that
// shows the one before.
func TestNewTemplateIsNotStableAtOnce(t *testing.T) {
	b := newRing(t, 3)
	set := b.statefulSet()
	set.Status.ObservedGeneration, set.Status.Replicas = set.Generation, 3
	b.ok(b.client.Status().Update(t.Context(), set))
	b.settle()
	b.want(v1alpha1.ConditionProgressing, metav1.ConditionFalse, v1alpha1.ReasonStable)
	c := b.cluster()
	c.Spec.Image = "example.com/sipring:2"
	b.ok(b.client.Update(t.Context(), c))
	b.ok(b.reconcile())
	b.want(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonUpdating)
	if c := b.condition(v1alpha1.ConditionProgressing); c.ObservedGeneration != b.cluster().Generation {
		t.Errorf("observed generation %d", c.ObservedGeneration)
	}
}

func TestShares(t *testing.T) {
	b := newBench(t)
	b.begin()
	for i := range 2 {
		b.pod(i, ready)
	}
	b.pod(2, starting)
	b.settle()
	var total int32
	for _, m := range b.cluster().Status.Members {
		if (m.SharePermille > 0) != (m.State == v1alpha1.MemberActive) {
			t.Errorf("%s is %s with the share %d", m.Name, m.State, m.SharePermille)
		}
		total += m.SharePermille
	}
	if total < 999 || total > 1001 {
		t.Errorf("shares sum to %d in 1000", total)
	}
}

// TestDelete: nothing holds a deleted SIPCluster up, and its figures go.
func TestDelete(t *testing.T) {
	b := newRing(t, 1)
	b.ok(b.client.Delete(t.Context(), b.cluster()))
	b.settle()
	families, err := b.registry.Gather()
	b.ok(err)
	for _, f := range families {
		for _, m := range f.Metric {
			if len(m.Label) > 0 && f.GetName() != "sipring_operator_build_info" { // the operator's own
				t.Errorf("%s still has %v", f.GetName(), m.Label)
			}
		}
	}
}

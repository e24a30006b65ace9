package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// scene is an observation and a decision of three pods in a steady state.
func scene() (*observation, *membership.Result) {
	seen := &observation{
		cluster:     &v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Name: "ring", Generation: 4}},
		pods:        make([]corev1.Pod, 3),
		statefulSet: &appsv1.StatefulSet{},
		service:     &corev1.Service{},
	}
	seen.cluster.Spec.Authentication = &v1alpha1.Authentication{Digest: &v1alpha1.Digest{}}
	seen.cluster.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionDegraded, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonHealthy}}
	seen.cluster.Status.ActiveMembers = 3
	d := &membership.Result{Set: &config.MemberSet{Epoch: 9, Ring: config.Ring{Partitions: 64, Replicas: 2}}}
	for i := range 3 {
		d.Set.Members = append(d.Set.Members, config.Member{ID: uint32(i + 1), Name: "ring-" + string(rune('0'+i)), State: config.Active})
	}
	return seen, d
}

func TestConditions(t *testing.T) {
	type observed = *observation
	type result = *membership.Result
	replicas := func(n int32) func(observed, result) {
		return func(o observed, _ result) { o.cluster.Spec.Replicas = &n }
	}
	tests := map[string]struct {
		change func(observed, result)
		want   [3]string // reasons of Available, Progressing, Degraded
	}{
		"steady":  {func(observed, result) {}, [3]string{"Serving", "Stable", "Healthy"}},
		"stopped": {func(o observed, d result) { replicas(0)(o, d); o.pods, d.Set.Members = nil, nil }, [3]string{"Stopped", "Stable", "Healthy"}},
		"being made": {func(o observed, d result) {
			o.statefulSet, o.pods, d.Set.Members, o.cluster.Status.Conditions = nil, nil, nil, nil
		}, [3]string{"NoActiveMember", "Scaling", "Starting"}},
		"all lost":         {func(o observed, d result) { d.Set.Members = nil }, [3]string{"NoActiveMember", "MembersMoving", "NoQuorum"}},
		"growing":          {replicas(5), [3]string{"Serving", "Scaling", "Healthy"}},
		"growing manifold": {replicas(9), [3]string{"Serving", "Scaling", "Growing"}},
		"half is out": {func(o observed, d result) {
			d.Set.Members[0].State, d.Set.Members[1].State = config.Joining, config.Joining
		}, [3]string{"Serving", "MembersMoving", "NoQuorum"}},
		"one drains":             {func(_ observed, d result) { d.Set.Members[2].State = config.Draining }, [3]string{"Serving", "MembersMoving", "Healthy"}},
		"too few for the copies": {func(o observed, d result) { d.Set.Ring.Replicas = 3; d.Set.Members[2].State = config.Joining }, [3]string{"Serving", "MembersMoving", "UnderReplicated"}},
		"updating": {func(o observed, _ result) {
			o.statefulSet.Status = appsv1.StatefulSetStatus{UpdateRevision: "b", CurrentRevision: "a", UpdatedReplicas: 1}
		}, [3]string{"Serving", "Updating", "Healthy"}},
		"update not begun": {func(o observed, _ result) { o.statefulSet.Generation = 2 }, [3]string{"Serving", "Updating", "Healthy"}},
		"no address yet":   {func(o observed, _ result) { o.cluster.Spec.Service.Type = corev1.ServiceTypeLoadBalancer }, [3]string{"Serving", "WaitingForAddress", "Healthy"}},
		"held":             {func(_ observed, d result) { d.Held = true }, [3]string{"MembersNotReady", "Stable", "MembersNotReady"}},
		"one evicted":      {func(_ observed, d result) { d.Set.Members[1].State, d.Evicted = config.Joining, []string{"ring-1"} }, [3]string{"Serving", "MembersMoving", "MemberEvicted"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			seen, d := scene()
			tt.change(seen, d)
			now := metav1.NewTime(time.Unix(1000, 0))
			s := statusOf(seen, d, outcome{}, now)
			got := map[string]string{}
			for _, c := range s.Conditions {
				got[c.Type] = c.Reason
				if c.ObservedGeneration != 4 {
					t.Errorf("%s observed generation %d", c.Type, c.ObservedGeneration)
				}
			}
			for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
				delete(got, kind) // TestToolsSayWhatAPersonWould has them
			}
			want := map[string]string{"Available": tt.want[0], "Progressing": tt.want[1], "Degraded": tt.want[2]}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			seen.cluster.Status = s
			if diff := cmp.Diff(s, statusOf(seen, d, outcome{}, metav1.NewTime(time.Unix(2000, 0)))); diff != "" {
				t.Errorf("changed without news:\n%s", diff)
			}
		})
	}
}

// TestNotStableBeforeTheRolloutIsSeen: the cache is behind what the pass applied.
func TestNotStableBeforeTheRolloutIsSeen(t *testing.T) {
	for applied, want := range map[int64]string{0: v1alpha1.ReasonStable, 7: v1alpha1.ReasonStable, 8: v1alpha1.ReasonUpdating} {
		seen, d := scene()
		seen.statefulSet.Generation, seen.statefulSet.Status.ObservedGeneration = 7, 7
		s := statusOf(seen, d, outcome{generation: applied}, metav1.Now())
		if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionProgressing); c.Reason != want {
			t.Errorf("generation 7 seen and %d applied: %s, want %s", applied, c.Reason, want)
		}
	}
}

// TestGrowingIsNoTrouble: pods that were asked for lately are not missed, those
// that are lost meanwhile are.
func TestGrowingIsNoTrouble(t *testing.T) {
	seen, d := scene()
	members := d.Set.Members
	step := func(name string, wanted int32, active int, reason string) {
		t.Helper()
		seen.cluster.Spec.Replicas = &wanted
		d.Set.Members = members[:active]
		seen.cluster.Status = statusOf(seen, d, outcome{}, metav1.Now())
		if c := meta.FindStatusCondition(seen.cluster.Status.Conditions, v1alpha1.ConditionDegraded); c.Reason != reason {
			t.Errorf("%s: %s (%s), want %s", name, c.Reason, c.Message, reason)
		}
	}
	step("one alone", 1, 1, v1alpha1.ReasonHealthy)
	step("more asked for", 5, 1, v1alpha1.ReasonGrowing)
	step("nothing new", 5, 1, v1alpha1.ReasonGrowing)
	step("some come", 5, 2, v1alpha1.ReasonGrowing)
	step("enough are there", 5, 3, v1alpha1.ReasonHealthy)
	step("more again", 9, 3, v1alpha1.ReasonGrowing)
	step("one of three is lost", 9, 2, v1alpha1.ReasonGrowing)
	step("and another", 9, 1, v1alpha1.ReasonNoQuorum)
	step("nothing new", 9, 1, v1alpha1.ReasonNoQuorum)
	step("fewer asked for", 3, 2, v1alpha1.ReasonHealthy)
	step("half of what was asked for is lost", 3, 1, v1alpha1.ReasonNoQuorum)
	step("nothing new", 3, 1, v1alpha1.ReasonNoQuorum)
}

// TestWorstIsToldFirst: of several troubles the same one is told whatever order
// the pods come in.
func TestWorstIsToldFirst(t *testing.T) {
	waits := func(name, reason string) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}},
		}}}
	}
	pods := []corev1.Pod{
		waits("ring-2", "ImagePullBackOff"), waits("ring-10", "CreateContainerError"),
		waits("ring-9", "CreateContainerError"), waits("ring-x", "CreateContainerError"), waits("ring-0", "ContainerCreating"),
	}
	for range len(pods) {
		pods = append(pods[1:], pods[0])
		sorted := slices.Clone(pods)
		sortPods("ring", sorted)
		told := podTrouble(sorted)
		if told.reason != v1alpha1.ReasonPodStartFailed || !strings.HasPrefix(told.message, "ring-9: ") || !strings.HasSuffix(told.message, "(and 3 more pods in trouble)") {
			t.Errorf("%s: %s", told.reason, told.message)
		}
	}
}

func TestNodeNews(t *testing.T) {
	node := func(zone string, ready corev1.ConditionStatus) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{corev1.LabelTopologyZone: zone, "other": zone + "x"}},
			Status: corev1.NodeStatus{
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}},
				Images:     []corev1.ContainerImage{{Names: []string{"a"}}},
			},
		}
	}
	full := node("east", corev1.ConditionUnknown)
	slim, err := slimNode(full.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(nodeReady(full).LastTransitionTime, nodeReady(slim.(*corev1.Node)).LastTransitionTime); diff != "" {
		t.Errorf("what the cache keeps dates it otherwise:\n%s", diff)
	}
	if diff := cmp.Diff(nodeInput(full), nodeInput(slim.(*corev1.Node))); diff != "" {
		t.Errorf("what the cache keeps says otherwise:\n%s", diff)
	}
	if !nodeInput(full).Lost || nodeInput(node("east", corev1.ConditionFalse)).Lost || nodeInput(node("east", corev1.ConditionTrue)).Lost {
		t.Error("a node is lost when its kubelet is not heard of, and only then")
	}
}

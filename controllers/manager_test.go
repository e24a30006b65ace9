package controllers_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers"
	"github.com/sipring/sipring/proxy/config"
)

// operator runs a whole operator on the namespace until the test ends or stop
// is called, which waits for its end. It has the rights of config/rbac, no more.
func (b *bench) operator() (registry *prometheus.Registry, stop func()) {
	b.Helper()
	b.operators++
	user := server.User(b, fmt.Sprintf("operator-%s-%d", b.ns, b.operators), "../config/rbac/role.yaml")
	if b.wrap != nil {
		user.Wrap(b.wrap)
	}
	ctx, cancel := context.WithCancel(context.Background())
	namespaces := append([]string{b.ns}, b.others...)
	if b.anywhere {
		namespaces = nil
	}
	mgr, err := controllers.NewManager(ctx, user, controllers.ManagerOptions{
		MetricsAddress: "0", HealthAddress: "0", Namespaces: namespaces,
		Leadership: controllers.Leadership{Elect: !b.alone, Namespace: b.ns, ID: b.leaderElectionID, Lease: 20 * time.Second, Renew: 15 * time.Second, Retry: 100 * time.Millisecond},
	})
	b.ok(err)
	registry = prometheus.NewRegistry()
	b.ok(controllers.AddTo(ctx, mgr, registry, controllers.PodOptions{Image: cmp.Or(b.image, "example.com/sipring:1"), Rolling: b.rolling}))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			b.Errorf("operator: %v", err)
		}
	}
	b.Cleanup(stop)
	return registry, stop
}

// await polls until the condition holds; the last thing it said is the failure.
func (b *bench) await(what string, holds func() (string, bool)) {
	b.Helper()
	said := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var ok bool
		if said, ok = holds(); ok {
			return
		}
	}
	b.Fatalf("%s: still %s", what, said)
}

func (b *bench) awaitStates(want string) {
	b.Helper()
	b.await("members "+want, func() (string, bool) {
		cm := &corev1.ConfigMap{}
		if err := b.client.Get(b.Context(), client.ObjectKey{Namespace: b.ns, Name: "ring-members"}, cm); err != nil {
			return err.Error(), false
		}
		set, err := config.ParseMemberSet([]byte(cm.Data[config.MembersKey]))
		if err != nil {
			return err.Error(), false
		}
		return inShort(set), inShort(set) == want
	})
}

// TestOperatorHears: every kind of news reaches the published set by itself.
func TestOperatorHears(t *testing.T) {
	b := newSerialBench(t)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: b.ns + "-node-1"}}
	b.ok(b.client.Create(t.Context(), node))
	registry, _ := b.operator()
	b.create()
	b.awaitStates("")
	b.await("keys", func() (string, bool) {
		err := b.client.Get(t.Context(), client.ObjectKey{Namespace: b.ns, Name: "ring-keys"}, &corev1.Secret{})
		return fmt.Sprint(err), err == nil
	})
	for i := range 3 {
		b.pod(i, ready)
	}
	b.awaitStates("0:active 1:active 2:active")
	b.podStatus(2, ended)
	b.awaitStates("0:active 1:active 2:joining")
	b.podStatus(2, ready)
	b.awaitStates("0:active 1:active 2:active")
	b.suspects(0, "ring-2")
	b.suspects(1, "ring-2")
	b.awaitStates("0:active 1:active 2:joining")
	b.suspects(1, "")
	b.awaitStates("0:active 1:active 2:active")
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
	b.ok(b.client.Status().Update(t.Context(), node))
	b.suspects(0, "ring-1")
	b.suspects(2, "ring-1")
	b.awaitStates("0:active 1:joining 2:active")
	b.suspects(0, "") // or it would be one of one once the next is gone
	b.remove(1, true)
	b.awaitStates("0:active 2:active")
	b.remove(0, false)
	b.awaitStates("0:draining 2:active")
	b.remove(0, true)
	b.awaitStates("2:active")

	b.await("the endpoint slice of one", func() (string, bool) {
		slice := &discoveryv1.EndpointSlice{}
		if err := b.client.Get(t.Context(), client.ObjectKey{Namespace: b.ns, Name: "ring-ipv4-5060-0"}, slice); err != nil {
			return err.Error(), false
		}
		return fmt.Sprint(len(slice.Endpoints)), len(slice.Endpoints) == 1
	})
	b.await("the status of one", func() (string, bool) {
		return b.inRing(), b.inRing() == "1/3"
	})
	b.awaitEvents(func(e *eventsv1.Event) string { return e.Regarding.Kind + " " + e.Reason },
		"SIPCluster MemberJoined", "Pod MemberJoined", "SIPCluster MemberLost", "SIPCluster MemberDraining", "SIPCluster RingChanged")
	checkPublishTime(t, registry)
}

// TestOperatorsOfTwoInstallations: those with leases of different names lead at
// the same time, and wait for none of the others.
func TestOperatorsOfTwoInstallations(t *testing.T) {
	b := newSerialBench(t)
	for _, id := range []string{"one", "two"} {
		b.leaderElectionID = id
		b.operator()
		b.await("the lease "+id, func() (string, bool) {
			l := &coordinationv1.Lease{}
			err := b.client.Get(t.Context(), client.ObjectKey{Namespace: b.ns, Name: id}, l)
			return fmt.Sprint(err), err == nil && l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity != ""
		})
	}
}

// TestOperatorsThatFightOverACluster: two installations watch one namespace, and
// would run other images. The first has the cluster, and everybody is told.
func TestOperatorsThatFightOverACluster(t *testing.T) {
	b := newSerialBench(t)
	b.leaderElectionID = "one"
	b.operator()
	b.create()
	set := b.statefulSet()
	b.leaderElectionID, b.image = "two", "example.com/sipring:2"
	b.operator()
	b.await("a condition", func() (string, bool) {
		c := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionDegraded)
		return fmt.Sprint(c), c != nil && c.Reason == v1alpha1.ReasonOtherOperator && strings.Contains(c.Message, b.ns+"/two")
	})
	b.awaitEvents(func(e *eventsv1.Event) string { return e.Reason + " by " + e.Action },
		v1alpha1.ReasonOtherOperator+" by Claim", v1alpha1.ReasonOtherOperator+" by Reconcile")
	if now := b.statefulSet(); now.Generation != set.Generation || now.Spec.Template.Spec.Containers[0].Image != "example.com/sipring:1" {
		t.Errorf("generation %d with %s, was %d", now.Generation, now.Spec.Template.Spec.Containers[0].Image, set.Generation)
	}
}

// TestOperatorAloneLetsGo: one that elects no leader has no successor of its own,
// so the other one need not wait for its claim to run out.
func TestOperatorAloneLetsGo(t *testing.T) {
	b := newSerialBench(t)
	b.alone = true
	_, stop := b.operator()
	b.create()
	b.statefulSet()
	b.image = "example.com/sipring:2"
	b.operator()
	claim := func() *coordinationv1.Lease {
		l := &coordinationv1.Lease{}
		b.get("ring-claim", l)
		return l
	}
	b.await("the other one asks for it", func() (string, bool) { return fmt.Sprint(claim().Annotations), len(claim().Annotations) > 0 })
	first := *claim().Spec.HolderIdentity
	stop()
	if h := claim().Spec.HolderIdentity; h != nil && *h == first {
		t.Errorf("%s stopped and has the claim still", first)
	}
	b.await("the other one's image", func() (string, bool) {
		image := b.statefulSet().Spec.Template.Spec.Containers[0].Image
		return image, image == b.image
	})
}

// TestOldStatusIsRepaired: a status that is not what the last pass found, as
// after a pass whose cache was behind, is put right without other news.
func TestOldStatusIsRepaired(t *testing.T) {
	b := newSerialBench(t)
	b.operator()
	b.create()
	right := func() (string, bool) {
		s := b.cluster().Status
		return b.inRing(), b.inRing() == "0/3" && len(s.Conditions) == 6
	}
	b.await("a status", right)
	for _, wrong := range []string{`{"status":{"activeMembers":3}}`, `{"status":{"conditions":[]}}`} {
		b.ok(b.client.Status().Patch(t.Context(), b.cluster(), client.RawPatch(types.MergePatchType, []byte(wrong))))
		b.await("the status again", right)
	}
}

// checkPublishTime: from news to published set it takes well under a second,
// even on a loaded machine.
func checkPublishTime(t *testing.T, registry *prometheus.Registry) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "sipring_operator_publish_seconds" {
			continue
		}
		h := f.Metric[0].Histogram
		mean := h.GetSampleSum() / float64(h.GetSampleCount())
		t.Logf("%d sets published, %.1f ms after the news on average", h.GetSampleCount(), 1000*mean)
		if h.GetSampleCount() < 7 || mean > 0.5 {
			t.Errorf("%d sets, mean %.3f s", h.GetSampleCount(), mean)
		}
		return
	}
	t.Error("no such metric")
}

// TestLeadershipPassesOn: when the leader stops, the other goes on from the
// record; nothing is published that did not change.
func TestLeadershipPassesOn(t *testing.T) {
	b := newSerialBench(t)
	_, stopFirst := b.operator()
	b.create()
	b.await("keys", func() (string, bool) {
		err := b.client.Get(t.Context(), client.ObjectKey{Namespace: b.ns, Name: "ring-keys"}, &corev1.Secret{})
		return fmt.Sprint(err), err == nil
	})
	b.pod(0, ready)
	b.pod(1, ready)
	b.awaitStates("0:active 1:active")
	b.operator()
	before := b.members().Epoch
	stopFirst()
	b.podStatus(1, ended)
	b.awaitStates("0:active 1:joining")
	if now := b.members().Epoch; now != before+1 {
		t.Errorf("epoch %d after %d, want one more", now, before)
	}
}

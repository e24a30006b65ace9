package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/rotation"
	"github.com/sipring/sipring/proxy/config"
)

// annotate changes an annotation of the SIPCluster; empty takes it away.
func (b *bench) annotate(key, value string) {
	b.Helper()
	c := b.cluster()
	before := c.DeepCopy()
	metav1.SetMetaDataAnnotation(&c.ObjectMeta, key, value)
	if value == "" {
		delete(c.Annotations, key)
	}
	b.ok(b.client.Patch(b.Context(), c, client.MergeFrom(before)))
}

// keys are those in the Secret of the proxies.
func (b *bench) keys() *config.Keys {
	b.Helper()
	secret := &corev1.Secret{}
	b.get("ring-keys", secret)
	keys, err := config.ParseKeys(secret.Data[config.KeysKey])
	b.ok(err)
	return keys
}

// writeKeys changes them, as an administrator does.
func (b *bench) writeKeys(keys *config.Keys) {
	b.Helper()
	secret := &corev1.Secret{}
	b.get("ring-keys", secret)
	secret.Data[config.KeysKey] = must(keys.Marshal())
	b.ok(b.client.Update(b.Context(), secret))
}

// have has proxies say that they have what there is by now.
func (b *bench) have(ordinals ...int) {
	b.Helper()
	keys, trust := b.keys().Names(), b.trust().Names()
	for _, ordinal := range ordinals {
		b.says(ordinal, "", config.Serving)
		l := &coordinationv1.Lease{}
		b.get(fmt.Sprintf("ring-%d", ordinal), l)
		l.Annotations[config.AnnotationKeys] = config.JoinKeyNames(keys)
		l.Annotations[config.AnnotationTrust] = config.JoinKeyNames(trust)
		b.ok(b.client.Update(b.Context(), l))
	}
}

// phases of the proxies' keys and of those that sign, with how many there are.
func (b *bench) phases() string {
	b.Helper()
	s := b.cluster().Status
	if s.Keys == nil || s.Signer == nil {
		return "none"
	}
	if d := cmp.Diff(b.keys().Names(), s.Keys.IDs); d != "" {
		b.Errorf("ids of the keys (-Secret +status):\n%s", d)
	}
	return fmt.Sprintf("%s %d, %s %d", s.Keys.Phase, len(b.keys().Keys), s.Signer.Phase, len(b.signer().Keys))
}

func (b *bench) inPhase(want string) {
	b.Helper()
	b.settle()
	if got := b.phases(); got != want {
		b.Fatalf("phases: %s, want %s", got, want)
	}
}

// timed has a clock that the test moves, and three proxies that say what they have.
func timed(t *testing.T) (b *bench, now *time.Time) {
	b = newBench(t)
	now = new(time.Now())
	b.now = func() time.Time { return *now }
	b.restart(b.client)
	b.allWell()
	*now = time.Now().Add(time.Second) // what the API server has stamped is before it
	b.have(0, 1, 2)
	b.told()
	return b, now
}

// TestKeysAreRotated: each step waits for the last proxy, another operator goes on
// where one stopped, and no pod is replaced nor the member set changed.
func TestKeysAreRotated(t *testing.T) {
	b, now := timed(t)
	first, signer, pods, set := b.keys().Names(), b.trust().Names(), b.statefulSet().Generation, b.members()
	b.inPhase("none")
	b.keyMetrics(map[string]float64{"expiry": 0, "stalled": 0})
	begun := now.Truncate(time.Second)
	b.annotate(v1alpha1.AnnotationRotateKeys, "2026-11")
	waits := func(phases string) {
		t.Helper()
		b.inPhase(phases)
		b.have(0, 2)
		b.inPhase(phases)
		b.restart(b.client)
		b.inPhase(phases)
		b.have(1)
	}
	waits("Adding 2, Adding 2")
	if told := b.told(); len(told) != 0 { // by the one that was replaced
		t.Errorf("an operator that began anew tells of what was done: %v", told)
	}
	waits("Promoting 2, Promoting 2")
	added := b.keys().Names()[0]
	if b.keys().Names()[1] != first[0] || added == first[0] {
		t.Errorf("promoted: %v after %v", b.keys().Names(), first)
	}
	waits("Retiring 2, Retiring 1")
	if at := b.cluster().Status.Keys.RetireAt; at == nil || at.Sub(now.Truncate(time.Second)) != 25*time.Hour {
		t.Errorf("the old key goes at %v, it is %v: want the life of a token later", at, now)
	}
	b.inPhase("Retiring 2, Current 1")
	goes := float64(b.cluster().Status.Keys.RetireAt.Unix())
	b.keyMetrics(map[string]float64{"made by proxies": float64(begun.Unix()), "made by signer": float64(begun.Unix()), "expiry": goes, "stalled": 0})
	*now = now.Add(25*time.Hour - time.Second)
	b.inPhase("Retiring 2, Current 1")
	*now = now.Add(time.Second)
	waits("Retiring 1, Current 1")
	b.inPhase("Current 1, Current 1")
	if d := cmp.Diff([]string{added}, b.keys().Names()); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	if slices.Contains(b.trust().Names(), signer[0]) {
		t.Error("the key that signed before is trusted still")
	}
	b.keyMetrics(map[string]float64{"made by proxies": float64(begun.Unix()), "expiry": 0, "stalled": 0})
	s := b.cluster().Status
	if s.Keys.Request != "2026-11" || s.Signer.Request != "2026-11" || s.Keys.RetireAt != nil {
		t.Errorf("status: %+v, %+v", s.Keys, s.Signer)
	}
	if b.statefulSet().Generation != pods || b.members().Epoch != set.Epoch {
		t.Errorf("pods of generation %d, epoch %d; before %d, %d", b.statefulSet().Generation, b.members().Epoch, pods, set.Epoch)
	}
	b.believed()
	b.want(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonServing)
}

// TestRotationIsTold by an Event for each step, of each Secret.
func TestRotationIsTold(t *testing.T) {
	b, _ := timed(t)
	b.annotate(v1alpha1.AnnotationRotateKeys, "leak")
	b.annotate(v1alpha1.AnnotationRetireKeysNow, "leak") // no call is waited for
	for _, reason := range []string{v1alpha1.EventKeyAdded, v1alpha1.EventKeyPromoted, v1alpha1.EventKeysRetired, v1alpha1.EventKeysRotated} {
		b.settle()
		if d := cmp.Diff([]string{reason, reason}, b.told()); d != "" {
			t.Errorf("events (-want +got):\n%s", d)
		}
		b.have(0, 1, 2)
	}
	if note := b.events.notes[len(b.events.notes)-2]; !strings.Contains(note, "ring-keys") || !strings.Contains(note, `"leak"`) || !strings.Contains(note, b.keys().Names()[0]) {
		t.Errorf("note: %s", note)
	}
	b.inPhase("Current 1, Current 1")
}

// TestSilentProxyIsNamed: one that says it has other keys is waited for, and told of
// when it had time enough. A pod that does not say, as before it could, has that time.
func TestSilentProxyIsNamed(t *testing.T) {
	b, now := timed(t)
	b.says(0, "", config.Serving) // an older version
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	b.inPhase("Adding 2, Adding 2")
	b.have(1)
	*now = now.Add(rotation.Patience - time.Second)
	b.inPhase("Adding 2, Adding 2")
	if c := b.condition(v1alpha1.ConditionDegraded); c.Status != metav1.ConditionFalse {
		t.Errorf("degraded before it had time: %s", c.Message)
	}
	b.told()
	b.keyMetrics(map[string]float64{"stalled": 0})
	*now = now.Add(2 * time.Second)
	b.inPhase("Adding 2, Adding 2")
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonKeyRotationStalled)
	b.want(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonKeyRotationStalled)
	if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, "ring-2") || strings.Contains(m, "ring-0") || strings.Contains(m, "ring-1") {
		t.Errorf("message: %s, want ring-2 alone", m)
	}
	if told := b.told(); !slices.Equal(told, []string{v1alpha1.ReasonKeyRotationStalled}) {
		t.Errorf("events %v", told)
	}
	b.keyMetrics(map[string]float64{"stalled": 1})
	b.have(2)
	b.inPhase("Promoting 2, Promoting 2")
	b.keyMetrics(map[string]float64{"stalled": 0})
	b.want(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonServing)
}

// TestEarlierPodsWordIsNone: a Lease that a pod of before left says nothing of the one
// that has the name now.
func TestEarlierPodsWordIsNone(t *testing.T) {
	b, now := timed(t)
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	b.inPhase("Adding 2, Adding 2")
	b.have(0, 1, 2)
	l := &coordinationv1.Lease{}
	b.get("ring-2", l)
	l.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "ring-2", UID: types.UID("of-before")}}
	b.ok(b.client.Update(t.Context(), l))
	b.inPhase("Adding 2, Adding 2")
	*now = now.Add(rotation.Patience)
	b.inPhase("Promoting 2, Promoting 2")
}

// TestHandEditIsNotFought: who takes the new key out has ended that rotation; another
// request begins another one.
func TestHandEditIsNotFought(t *testing.T) {
	b, _ := timed(t)
	first := b.keys()
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	b.inPhase("Adding 2, Adding 2")
	b.writeKeys(first)
	b.told()
	b.inPhase("Current 1, Adding 2")
	if told := b.told(); !slices.Equal(told, []string{v1alpha1.EventKeyRotationGivenUp}) {
		t.Errorf("events %v", told)
	}
	b.inPhase("Current 1, Adding 2")
	b.writeKeys(must(first.Added())) // one's own rotation, by hand
	b.inPhase("Current 2, Adding 2")
	b.annotate(v1alpha1.AnnotationRotateKeys, "2")
	b.inPhase("Adding 3, Adding 2")
	if s := b.cluster().Status; s.Keys.Request != "2" || s.Signer.Request != "1" {
		t.Errorf("requests %s and %s", s.Keys.Request, s.Signer.Request)
	}
}

// TestKeeperOfSecretsIsNotFought: something keeps the Secret as it was, with its
// annotations. One request is one rotation, and that one is given up.
func TestKeeperOfSecretsIsNotFought(t *testing.T) {
	b, _ := timed(t)
	kept := &corev1.Secret{}
	b.get("ring-keys", kept)
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	b.inPhase("Adding 2, Adding 2")
	secret := &corev1.Secret{}
	b.get("ring-keys", secret)
	secret.Data, secret.Annotations = kept.Data, kept.Annotations
	b.ok(b.client.Update(t.Context(), secret))
	b.told()
	b.inPhase("Current 1, Adding 2")
	b.inPhase("Current 1, Adding 2")
	if told := b.told(); !slices.Equal(told, []string{v1alpha1.EventKeyRotationGivenUp}) {
		t.Errorf("events %v", told)
	}
	b.annotate(v1alpha1.AnnotationRotateKeys, "2")
	b.inPhase("Adding 2, Adding 2")
}

// TestPausedRotationStands where it is.
func TestPausedRotationStands(t *testing.T) {
	b, _ := timed(t)
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	b.inPhase("Adding 2, Adding 2")
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused = true })
	b.settle()
	b.have(0, 1, 2)
	b.inPhase("Adding 2, Adding 2")
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused = false })
	b.inPhase("Promoting 2, Promoting 2")
}

// TestSecondRequestFollows the first.
func TestSecondRequestFollows(t *testing.T) {
	b, _ := timed(t)
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	b.annotate(v1alpha1.AnnotationRetireKeysNow, "1")
	b.inPhase("Adding 2, Adding 2")
	b.annotate(v1alpha1.AnnotationRotateKeys, "2")
	for _, phases := range []string{"Promoting 2, Promoting 2", "Retiring 1, Retiring 1"} {
		b.have(0, 1, 2)
		b.inPhase(phases)
		if request := b.cluster().Status.Keys.Request; request != "1" {
			t.Errorf("request %s in %s", request, phases)
		}
	}
	b.have(0, 1, 2)
	b.inPhase("Adding 2, Adding 2")
	if request := b.cluster().Status.Keys.Request; request != "2" {
		t.Errorf("request %s", request)
	}
	b.annotate(v1alpha1.AnnotationRotateKeys, "") // what is begun goes on
	b.settle()                                    // the trust follows
	b.have(0, 1, 2)
	b.inPhase("Promoting 2, Promoting 2")
}

// TestNobodyIsWaitedFor where no pod runs; and a cluster that begins with a request
// has new keys already.
func TestNobodyIsWaitedFor(t *testing.T) {
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) { c.Annotations = map[string]string{v1alpha1.AnnotationRotateKeys: "0"} })
	b.inPhase("Current 1, Current 1")
	first := b.keys().Names()
	b.inPhase("Current 1, Current 1")
	if d := cmp.Diff(first, b.keys().Names()); d != "" {
		t.Errorf("keys that nobody had were rotated (-before +after):\n%s", d)
	}
	long := strings.Repeat("x", 4096)
	b.annotate(v1alpha1.AnnotationRotateKeys, long)
	b.annotate(v1alpha1.AnnotationRetireKeysNow, long)
	for range 4 {
		b.settle()
	}
	b.inPhase("Current 1, Current 1")
	if b.keys().Names()[0] == first[0] {
		t.Error("the key is the one of before")
	}
}

// TestNoRoomForAKey: the Secret is full.
func TestNoRoomForAKey(t *testing.T) {
	b, _ := timed(t)
	keys := b.keys()
	for len(keys.Keys) < config.MaxKeys {
		keys = must(keys.Added())
	}
	b.writeKeys(keys)
	b.have(0, 1, 2)
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	b.inPhase("Current 4, Adding 2")
	b.want(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonKeyRotationStalled)
	if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, "ring-keys") {
		t.Errorf("message: %s", m)
	}
	b.writeKeys(must(keys.Retired()))
	b.have(0, 1, 2)
	b.inPhase("Adding 2, Promoting 2")
}

// TestImmutableKeysAreReported: a Secret that nobody may change is not rotated, and the
// SIPCluster says why.
func TestImmutableKeysAreReported(t *testing.T) {
	b, _ := timed(t)
	secret := &corev1.Secret{}
	b.get("ring-keys", secret)
	secret.Immutable = new(true)
	b.ok(b.client.Update(t.Context(), secret))
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	b.failing()
	b.want(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonApplyFailed)
	if m := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(m, "ring-keys") || !strings.Contains(m, "immutable") {
		t.Errorf("message: %s", m)
	}
}

// TestOperatorRotatesOnRequest: a whole operator with its own rights hears of the
// annotation and of the Leases.
func TestOperatorRotatesOnRequest(t *testing.T) {
	b := newBench(t)
	b.operator()
	b.create()
	for i := range 2 {
		b.pod(i, ready)
	}
	b.awaitStates("0:active 1:active")
	holds := func(n int, signs string) {
		t.Helper()
		b.await(fmt.Sprintf("%d keys", n), func() (string, bool) {
			names := b.keys().Names()
			return fmt.Sprint(names), len(names) == n && (signs == "" || names[0] == signs)
		})
	}
	b.have(0, 1)
	first := b.keys().Names()[0]
	b.annotate(v1alpha1.AnnotationRotateKeys, "1")
	holds(2, first)
	added := b.keys().Names()[1]
	b.have(0)
	b.have(1)
	holds(2, added)
	b.have(0, 1)
	b.await("phase Retiring", func() (string, bool) {
		s := b.cluster().Status.Keys
		return fmt.Sprint(s), s != nil && s.Phase == "Retiring"
	})
	b.annotate(v1alpha1.AnnotationRetireKeysNow, "1")
	holds(1, added)
}

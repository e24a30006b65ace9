package controllers_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/testapi"
	"github.com/sipring/sipring/proxy/config"
)

var server *testapi.Server

func TestMain(m *testing.M) {
	ctrl.SetLogger(logged.logger())
	klog.SetLogger(logged.logger())
	os.Exit(testapi.Run(m, func(s *testapi.Server) { server = s }))
}

// bench is a namespace of its own with one SIPCluster named ring, and a
// Reconciler that reads past any cache, so that each pass sees all that is there.
type bench struct {
	testing.TB
	client   client.Client
	ns, name string // of the SIPCluster
	registry *prometheus.Registry
	events   *recorder
	r        *controllers.Reconciler

	clock     *time.Time       // that now tells, once later was called
	now       func() time.Time // of the next Reconciler; nil: as it is
	operators int              // that were started
	rolling   controllers.Rolling
	others    []string                                  // namespaces that the next operator watches too
	anywhere  bool                                      // the next operator watches all namespaces
	wrap      func(http.RoundTripper) http.RoundTripper // of the next operator's requests; nil: none

	leaderElectionID string // of the next operator; empty: the default
	alone            bool   // the next operator elects no leader
	seed             string // of the ring, in the Leases that are written
	identity, image  string // of the next Reconciler; empty: none, and the usual one
}

func newBench(t *testing.T) *bench {
	t.Parallel()
	return newSerialBench(t)
}

// newSerialBench is for tests that look at times.
func newSerialBench(t testing.TB) *bench {
	t.Helper()
	api := testapi.Need(t, server)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := api.Client.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	b := &bench{TB: t, client: api.Client, ns: ns.Name, name: "ring"}
	b.restart(api.Client)
	return b
}

// restart replaces the Reconciler by one that knows nothing, using the client.
func (b *bench) restart(c client.Client) {
	b.Helper()
	b.registry = prometheus.NewRegistry()
	metrics, err := controllers.NewMetrics(b.registry)
	if err != nil {
		b.Fatal(err)
	}
	b.events = &recorder{}
	b.r = controllers.NewReconciler(controllers.Options{
		Client: c, Live: c, Recorder: b.events, Metrics: metrics, Image: cmp.Or(b.image, "example.com/sipring:1"), Now: b.now, Identity: b.identity, Rolling: b.rolling,
	})
}

// later has the clock of the next Reconciler, and of this one if it was called before
// that was made, stand so much later.
func (b *bench) later(by time.Duration) {
	if b.clock == nil {
		b.clock = new(time.Now())
		b.now = func() time.Time { return *b.clock }
	}
	*b.clock = b.clock.Add(by)
}

// create makes the SIPCluster with the least spec and the changes.
func (b *bench) create(changes ...func(*v1alpha1.SIPCluster)) {
	b.Helper()
	c := &v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: b.name}}
	c.Spec.Domains, c.Spec.Authentication = []v1alpha1.Domain{"example.com"}, &v1alpha1.Authentication{Open: &v1alpha1.Open{}}
	for _, change := range changes {
		change(c)
	}
	b.ok(b.client.Create(b.Context(), c))
}

// begin makes the SIPCluster and all its objects.
func (b *bench) begin() {
	b.Helper()
	b.create()
	b.settle()
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// reconcile runs one pass of each controller.
func (b *bench) reconcile() error {
	_, err := b.pass()
	return err
}

// pass is reconcile with when the applier would look again.
func (b *bench) pass() (ctrl.Result, error) { return b.passOf("ring") }

func (b *bench) passOf(name string) (ctrl.Result, error) {
	req := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: b.ns, Name: name}}
	_, err := b.r.Publish(b.Context(), req)
	again, err2 := b.r.Apply(b.Context(), req)
	return again, errors.Join(err, err2)
}

// settle runs passes that must not fail: the second sees what the first made.
func (b *bench) settle() {
	b.Helper()
	for range 2 {
		b.ok(b.reconcile())
	}
}

func (b *bench) get(name string, into client.Object) {
	b.Helper()
	b.ok(b.client.Get(b.Context(), client.ObjectKey{Namespace: b.ns, Name: name}, into))
}

func (b *bench) cluster() *v1alpha1.SIPCluster {
	b.Helper()
	c := &v1alpha1.SIPCluster{}
	b.get("ring", c)
	return c
}

func (b *bench) condition(kind string) metav1.Condition {
	b.Helper()
	c := meta.FindStatusCondition(b.cluster().Status.Conditions, kind)
	if c == nil {
		b.Fatalf("no condition %s", kind)
	}
	return *c
}

// want checks a condition's status and reason.
func (b *bench) want(kind string, status metav1.ConditionStatus, reason string) {
	b.Helper()
	if c := b.condition(kind); c.Status != status || c.Reason != reason {
		b.Errorf("%s is %s %s (%s), want %s %s", kind, c.Status, c.Reason, c.Message, status, reason)
	}
}

// wantStalled checks whether somebody is said to have to mend something.
func (b *bench) wantStalled(want bool) {
	b.Helper()
	if c := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionStalled); (c != nil) != want {
		b.Errorf("stalled %+v, want %v", c, want)
	}
}

func (b *bench) members() *config.MemberSet {
	b.Helper()
	cm := b.configMap("ring-members")
	set, err := config.ParseMemberSet([]byte(cm.Data[config.MembersKey]))
	b.ok(err)
	return set
}

// writeSet publishes a set as somebody else would.
func (b *bench) writeSet(cm *corev1.ConfigMap, set *config.MemberSet) {
	b.Helper()
	text, err := set.Marshal()
	b.ok(err)
	cm.Data[config.MembersKey] = string(text)
	b.ok(b.client.Update(b.Context(), cm))
}

// signer are the keys that sign member sets.
func (b *bench) signer() *config.Keys {
	b.Helper()
	secret := b.secret("ring-signer")
	keys, err := config.ParseKeys(secret.Data[config.SignerKey])
	b.ok(err)
	return keys
}

// trust is what the proxies are told to believe.
func (b *bench) trust() *config.Trust {
	b.Helper()
	cm := b.configMap("ring-trust")
	trust, err := config.ParseTrust([]byte(cm.Data[config.TrustKey]))
	b.ok(err)
	return trust
}

// states is the member set in short: "0:active 1:joining".
func (b *bench) states() string {
	b.Helper()
	return inShort(b.members())
}

// inRing is how many of the members asked for the status says are in the ring.
func (b *bench) inRing() string {
	b.Helper()
	s := b.cluster().Status
	return fmt.Sprintf("%d/%d", s.ActiveMembers, s.TotalMembers)
}

func inShort(set *config.MemberSet) string {
	var s []string
	for _, m := range set.Members {
		s = append(s, fmt.Sprintf("%d:%s", m.ID-1, m.State))
	}
	return strings.Join(s, " ")
}

// pod creates the pod with the ordinal as the StatefulSet's controller would, on
// the node, and gives it the status.
func (b *bench) pod(ordinal int, status func(*corev1.PodStatus)) *corev1.Pod {
	b.Helper()
	b.podOf(ordinal, func(*corev1.Pod) {})
	return b.podStatus(ordinal, status)
}

// podOf creates the pod with a change, and without a status.
func (b *bench) podOf(ordinal int, change func(*corev1.Pod)) {
	b.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.ns, Name: fmt.Sprintf("%s-%d", b.name, ordinal), Labels: desired.Labels(b.name),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(b.statefulSet(), appsv1.SchemeGroupVersion.WithKind("StatefulSet"))},
		},
		Spec: corev1.PodSpec{
			NodeName: fmt.Sprintf("%s-node-%d", b.ns, ordinal),
			Containers: []corev1.Container{{
				Name: desired.Container, Image: "example.com/sipring:1", Env: []corev1.EnvVar{{Name: "POD_IPS"}},
				Ports: []corev1.ContainerPort{{Name: "udp", ContainerPort: 5060, Protocol: corev1.ProtocolUDP}},
			}},
		},
	}
	change(p)
	b.ok(b.client.Create(b.Context(), p))
}

// statefulSet waits for the cluster's.
func (b *bench) statefulSet() *appsv1.StatefulSet {
	b.Helper()
	set := &appsv1.StatefulSet{}
	b.await("a StatefulSet", func() (string, bool) {
		err := b.client.Get(b.Context(), client.ObjectKey{Namespace: b.ns, Name: b.name}, set)
		return fmt.Sprint(err), err == nil
	})
	return set
}

func (b *bench) podStatus(ordinal int, status func(*corev1.PodStatus)) *corev1.Pod {
	b.Helper()
	p := &corev1.Pod{}
	b.get(fmt.Sprintf("%s-%d", b.name, ordinal), p)
	p.Status.PodIP = fmt.Sprintf("10.0.0.%d", ordinal+1)
	p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
	status(&p.Status)
	b.ok(b.client.Status().Update(b.Context(), p))
	return p
}

func withReady(s *corev1.PodStatus, ready corev1.ConditionStatus, state corev1.ContainerState) {
	s.Phase = corev1.PodRunning
	s.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	s.ContainerStatuses = []corev1.ContainerStatus{{Name: desired.Container, Image: "example.com/sipring:1", State: state, Ready: ready == corev1.ConditionTrue}}
}

// running has begun just now, so that its not being ready is no trouble yet.
func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
}

func ready(s *corev1.PodStatus)    { withReady(s, corev1.ConditionTrue, running()) }
func starting(s *corev1.PodStatus) { withReady(s, corev1.ConditionFalse, running()) }

func ended(s *corev1.PodStatus) {
	withReady(s, corev1.ConditionFalse, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137}})
}

func waiting(reason, message string) func(*corev1.PodStatus) {
	return func(s *corev1.PodStatus) {
		withReady(s, corev1.ConditionFalse, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}})
	}
}

// remove deletes the pod: asked to go and, with now, gone.
func (b *bench) remove(ordinal int, now bool) {
	b.Helper()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: fmt.Sprintf("ring-%d", ordinal)}}
	grace := int64(30)
	if now {
		grace = 0
	}
	b.ok(b.client.Delete(b.Context(), p, client.GracePeriodSeconds(grace)))
}

// suspects writes a proxy's report as the proxy does.
func (b *bench) suspects(ordinal int, names string) {
	b.Helper()
	b.says(ordinal, names, config.Silent)
}

// saysEnded has a proxy say that at the suspects' ports nothing listens any more.
func (b *bench) saysEnded(ordinal int, names string) {
	b.Helper()
	b.suspects(ordinal, names)
	l := &coordinationv1.Lease{}
	b.get(fmt.Sprintf("ring-%d", ordinal), l)
	l.Annotations[config.AnnotationEnded] = names
	b.ok(b.client.Update(b.Context(), l))
}

// says writes what a proxy says of the others and of itself.
func (b *bench) says(ordinal int, names string, word config.Word) {
	b.Helper()
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: fmt.Sprintf("ring-%d", ordinal)}}
	err := b.client.Get(b.Context(), client.ObjectKeyFromObject(l), l)
	b.ok(client.IgnoreNotFound(err))
	l.Labels = map[string]string{config.LabelCluster: "ring"}
	l.Annotations = map[string]string{config.AnnotationSuspects: names, config.AnnotationServing: string(word)}
	l.Spec.RenewTime = new(metav1.NowMicro())
	if err != nil {
		b.ok(b.client.Create(b.Context(), l))
		return
	}
	b.ok(b.client.Update(b.Context(), l))
}

// reports has a proxy's Lease say what it holds and saw.
func (b *bench) reports(ordinal int, r config.Report) {
	b.Helper()
	b.says(ordinal, "", config.Silent)
	l := &coordinationv1.Lease{}
	b.get(fmt.Sprintf("ring-%d", ordinal), l)
	l.Annotations[config.AnnotationReport] = r.String()
	b.ok(b.client.Update(b.Context(), l))
}

// recorder keeps Events.
type recorder struct {
	events []recorded
	notes  []string // "KIND NAME REASON: NOTE"
}

type recorded struct{ regarding, related, reason string }

func (r *recorder) Eventf(regarding, related runtime.Object, _, reason, _, note string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf("%s %s: ", nameOf(regarding), reason)+fmt.Sprintf(note, args...))
	r.events = append(r.events, recorded{nameOf(regarding), nameOf(related), reason})
}

// nameOf is the kind and name; empty of nothing.
func nameOf(o runtime.Object) string {
	switch o := o.(type) {
	case nil:
		return ""
	case client.Object:
		return strings.TrimPrefix(fmt.Sprintf("%T", o)+" "+o.GetName(), "*")
	}
	return "?"
}

// told are the reasons of the SIPCluster's Events since it was asked last.
func (b *bench) told() []string {
	var reasons []string
	for _, e := range b.events.events {
		if e.regarding == "v1alpha1.SIPCluster ring" {
			reasons = append(reasons, e.reason)
		}
	}
	b.events.events = nil
	return reasons
}

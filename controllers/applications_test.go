package controllers_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// withApplication gives the SIPCluster an application beside each proxy.
func withApplication(c *v1alpha1.SIPCluster) {
	c.Spec.LocalApp = &v1alpha1.LocalApp{Port: 5080}
	c.Spec.Template = &v1alpha1.PodTemplate{Spec: &runtime.RawExtension{Raw: []byte(`{"containers":[{"name":"pbx","image":"example.com/pbx",` +
		`"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}`)}}
}

// sidecarReady is a pod whose proxy, a native sidecar, serves, and whose application is
// not ready.
func sidecarReady(s *corev1.PodStatus) {
	started := true
	s.Phase = corev1.PodRunning
	s.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	s.InitContainerStatuses = []corev1.ContainerStatus{{Name: "proxy", Image: "example.com/sipring:1", State: running(), Ready: true, Started: &started}}
	s.ContainerStatuses = []corev1.ContainerStatus{{Name: "pbx", Image: "example.com/pbx", State: running()}}
}

// asSidecar makes the pod's proxy an init container, as the StatefulSet has it.
func asSidecar(p *corev1.Pod) {
	always := corev1.ContainerRestartPolicyAlways
	proxy := p.Spec.Containers[0]
	proxy.RestartPolicy = &always
	p.Spec.InitContainers = []corev1.Container{proxy}
	p.Spec.Containers = []corev1.Container{{Name: "pbx", Image: "example.com/pbx"}}
}

// app has a proxy report the state of its application.
func (b *bench) app(ordinal int, state string) {
	b.Helper()
	r := config.Report{}
	if state != "" {
		r.Application = &config.Application{State: config.ApplicationState(state), Since: 1}
	}
	b.reports(ordinal, r)
}

// TestApplicationsReady: the condition, its Events and the metric follow what the
// proxies report; ring, epoch and traffic are theirs whatever the applications do.
func TestApplicationsReady(t *testing.T) {
	b := newBench(t)
	b.create(withApplication)
	b.settle()
	for i := range 3 {
		b.podOf(i, asSidecar)
		b.podStatus(i, sidecarReady)
	}
	b.settle()
	b.want(v1alpha1.ConditionApplicationsReady, metav1.ConditionUnknown, v1alpha1.ReasonNotReported)
	epoch := b.members().Epoch
	b.told()
	for _, tt := range []struct {
		states         [3]string
		status         metav1.ConditionStatus
		reason, event  string
		message, gauge string
	}{
		{[3]string{"Serving", "Serving", ""}, metav1.ConditionUnknown, v1alpha1.ReasonNotReported, "", "not reported: ring-2", "2 0 0 1"},
		{[3]string{"Serving", "Serving", "Serving"}, metav1.ConditionTrue, v1alpha1.ReasonAllServe, v1alpha1.EventApplicationsReady, "all 3 applications serve", "3 0 0 0"},
		{[3]string{"Serving", "Down", "Serving"}, metav1.ConditionFalse, v1alpha1.ReasonSomeDown, v1alpha1.ReasonSomeDown, "2 of 3 applications serve, and get the calls of the others: ring-1 (Down)", "2 1 0 0"},
		{[3]string{"Serving", "Down", "Serving"}, metav1.ConditionFalse, v1alpha1.ReasonSomeDown, "", "ring-1 (Down)", "2 1 0 0"},
		{[3]string{"Leaving", "Down", ""}, metav1.ConditionFalse, v1alpha1.ReasonSomeDown, v1alpha1.ReasonSomeDown, "0 of 3 applications serve, and get the calls of the others: ring-0 (Leaving), ring-1 (Down); not reported by ring-2", "0 1 1 1"},
		{[3]string{"Down", "Down", "Down"}, metav1.ConditionFalse, v1alpha1.ReasonNoneServes, v1alpha1.ReasonNoneServes, "calls for their users are answered 503", "0 3 0 0"},
		{[3]string{"Serving", "Serving", "Serving"}, metav1.ConditionTrue, v1alpha1.ReasonAllServe, v1alpha1.EventApplicationsReady, "all 3 applications serve", "3 0 0 0"},
	} {
		for i, state := range tt.states {
			b.app(i, state)
		}
		b.settle()
		b.want(v1alpha1.ConditionApplicationsReady, tt.status, tt.reason)
		if m := b.condition(v1alpha1.ConditionApplicationsReady).Message; !strings.Contains(m, tt.message) {
			t.Errorf("%v: message %q, want %q", tt.states, m, tt.message)
		}
		if told := strings.Join(b.told(), " "); told != tt.event {
			t.Errorf("%v: events %q, want %q", tt.states, told, tt.event)
		}
		series, _, _ := b.gather(b.registry)
		var gauge string
		for _, state := range []string{"serving", "down", "leaving", "unknown"} {
			gauge += " " + string("0123"[int(series["sipring_operator_applications ring "+b.ns+" "+state])])
		}
		if strings.TrimSpace(gauge) != tt.gauge {
			t.Errorf("%v: metric %q, want %q", tt.states, gauge, tt.gauge)
		}
		b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
		if now := b.members().Epoch; now != epoch || b.traffic() != "0 1 2" {
			t.Errorf("%v: epoch %d, was %d, traffic to %s", tt.states, now, epoch, b.traffic())
		}
	}
	b.respec(func(s *v1alpha1.SIPClusterSpec) { s.LocalApp, s.Template = nil, nil })
	if c := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionApplicationsReady); c != nil {
		t.Errorf("without applications there is %+v", c)
	}
}

// TestStatefulSetWithApplication as the API server takes it, and back again: both roll
// the pods.
func TestStatefulSetWithApplication(t *testing.T) {
	b := newBench(t)
	b.create(withApplication)
	b.settle()
	for i := range 3 {
		b.podOf(i, asSidecar)
		b.podStatus(i, sidecarReady)
	}
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
	set := b.statefulSet()
	pod := set.Spec.Template.Spec
	if len(pod.InitContainers) != 1 || pod.InitContainers[0].Name != "proxy" || *pod.InitContainers[0].RestartPolicy != corev1.ContainerRestartPolicyAlways || len(pod.Containers) != 1 {
		t.Fatalf("init containers %+v, containers %+v", pod.InitContainers, pod.Containers)
	}
	if got := set.Spec.Template.Annotations["kubectl.kubernetes.io/default-container"]; got != "pbx" {
		t.Errorf("kubectl means %q", got)
	}
	if !strings.Contains(set.Spec.Template.Annotations["sipring.io/config"], "localApp:\n  health:") {
		t.Error("the proxies are not told")
	}
	generation := set.Generation
	b.settle()
	if now := b.statefulSet().Generation; now != generation {
		t.Errorf("generation %d after another pass, was %d", now, generation)
	}
	b.told()
	b.respec(func(s *v1alpha1.SIPClusterSpec) { s.LocalApp, s.Template = nil, nil })
	pod = b.statefulSet().Spec.Template.Spec
	if len(pod.InitContainers) != 0 || len(pod.Containers) != 1 || pod.Containers[0].Name != "proxy" || pod.Containers[0].Lifecycle != nil {
		t.Errorf("without an application: init containers %+v, containers %+v", pod.InitContainers, pod.Containers)
	}
	if told := b.told(); !slices.Contains(told, v1alpha1.EventRollingUpdateStarted) {
		t.Errorf("events %v", told)
	}
}

// TestBadApplication: its image cannot be pulled, which the SIPCluster says, and the
// proxy serves.
func TestBadApplication(t *testing.T) {
	b := newBench(t)
	b.create(withApplication)
	b.settle()
	for i := range 3 {
		b.podOf(i, asSidecar)
		b.podStatus(i, sidecarReady)
	}
	b.podStatus(2, func(s *corev1.PodStatus) {
		s.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}}
	})
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonImageUnavailable)
	b.want(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonServing)
	if got := b.states(); got != "0:active 1:active 2:active" {
		t.Errorf("members %s", got)
	}
}

// TestApplicationWithoutAContainer: the API server does not look into the template.
func TestApplicationWithoutAContainer(t *testing.T) {
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) {
		c.Spec.LocalApp = &v1alpha1.LocalApp{Port: 5080}
		c.Spec.Template = &v1alpha1.PodTemplate{Spec: &runtime.RawExtension{Raw: []byte(`{}`)}}
	})
	_ = b.reconcile()
	_ = b.reconcile()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonInvalidTemplate)
	b.wantStalled(true)
}

// TestVolumeClaims are in the StatefulSet, and where one is there that has others, that
// is said, and it is left as it is.
func TestVolumeClaims(t *testing.T) {
	b := newBench(t)
	claims := func(size string) func(*v1alpha1.SIPCluster) {
		return func(c *v1alpha1.SIPCluster) {
			withApplication(c)
			mail := v1alpha1.VolumeClaimTemplate{Metadata: v1alpha1.VolumeClaimMetadata{Name: "mail"}}
			mail.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
			mail.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
			c.Spec.VolumeClaimTemplates = []v1alpha1.VolumeClaimTemplate{mail}
		}
	}
	b.create(claims("1Gi"))
	b.settle()
	set := b.statefulSet()
	if len(set.Spec.VolumeClaimTemplates) != 1 || set.Spec.VolumeClaimTemplates[0].Name != "mail" || set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted != "Retain" {
		t.Fatalf("claims %+v, %+v", set.Spec.VolumeClaimTemplates, set.Spec.PersistentVolumeClaimRetentionPolicy)
	}
	b.respec(func(s *v1alpha1.SIPClusterSpec) {
		s.PersistentVolumeClaimRetentionPolicy = &v1alpha1.VolumeClaimRetention{WhenScaled: "Delete"}
	})
	if p := b.statefulSet().Spec.PersistentVolumeClaimRetentionPolicy; p.WhenScaled != "Delete" || p.WhenDeleted != "Retain" {
		t.Errorf("claims are kept by %+v", p)
	}
	b.orphan()
	b.create(claims("2Gi"))
	_ = b.reconcile()
	if err := b.reconcile(); err == nil {
		t.Error("other claims are no fault")
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonVolumeClaimsDiffer)
	b.wantStalled(true)
	if now := b.statefulSet(); now.UID != set.UID {
		t.Error("the StatefulSet was made anew")
	}
}

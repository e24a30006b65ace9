package charts_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/testapi"
)

// objects are what the chart renders, by kind and name.
func objects(t *testing.T, args ...string) map[string]*unstructured.Unstructured {
	t.Helper()
	return parsed(t, helm(t, append([]string{"template", "sipring", "sipring", "--namespace", "telephony"}, args...)...))
}

// parsed are the objects of a text, by kind and name.
func parsed(t *testing.T, text string) map[string]*unstructured.Unstructured {
	t.Helper()
	out := map[string]*unstructured.Unstructured{}
	for _, text := range strings.Split(text, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if len(u.Object) > 0 {
			out[u.GetKind()+"/"+u.GetName()] = u
		}
	}
	return out
}

// into is the rendered object as its type.
func into[T any](t *testing.T, rendered map[string]*unstructured.Unstructured, key string) *T {
	t.Helper()
	u, ok := rendered[key]
	if !ok {
		t.Fatalf("the chart renders no %s", key)
	}
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(marshalled(t, u.Object)), out); err != nil {
		t.Fatal(err)
	}
	return out
}

const operator = "sipring-operator"

// TestOperatorPodIsRestricted: a namespace that enforces the restricted pod
// security standard takes the operator's pod as the chart makes it.
func TestOperatorPodIsRestricted(t *testing.T) {
	api := testapi.Need(t, server)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "restricted-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := api.Client.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	admit := func(args ...string) error {
		d := into[appsv1.Deployment](t, objects(t, args...), "Deployment/"+operator)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "operator"}, Spec: d.Spec.Template.Spec}
		return api.Client.Create(t.Context(), pod, client.DryRunAll)
	}
	if err := admit(); err != nil {
		t.Error(err)
	}
	if err := admit("--set", "podSecurityContext.runAsUser=null,podSecurityContext.runAsGroup=null"); err != nil {
		t.Errorf("with a user that the platform chooses: %v", err)
	}
	if err := admit("--set", "securityContext.allowPrivilegeEscalation=true"); err == nil || !strings.Contains(err.Error(), "allowPrivilegeEscalation") {
		t.Errorf("a value that weakens it does not reach the pod: %v", err)
	}
}

// TestPodValues: what is set for the pods is in the Deployment.
func TestPodValues(t *testing.T) {
	d := into[appsv1.Deployment](t, objects(t, "--set", strings.Join([]string{
		"labels.team=voice", "annotations.note=mine", "podLabels.pod=yes", "podAnnotations.scrape=yes", "nodeSelector.role=edge",
		"tolerations[0].key=edge", "tolerations[0].operator=Exists", "priorityClassName=system-cluster-critical", "resources.limits.cpu=2",
		"affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key=a",
		`labels.app\.kubernetes\.io/name=mine`, `podLabels.app\.kubernetes\.io/instance=mine`, "securityContext.runAsUser=1000",
	}, ",")), "Deployment/"+operator)
	pod := d.Spec.Template
	for what, ok := range map[string]bool{
		"labels":            d.Labels["team"] == "voice" && pod.Labels["team"] == "voice",
		"annotations":       d.Annotations["note"] == "mine" && pod.Annotations["note"] == "",
		"pod's labels":      pod.Labels["pod"] == "yes" && d.Labels["pod"] == "",
		"pod's annotations": pod.Annotations["scrape"] == "yes",
		"what selects":      pod.Labels["app.kubernetes.io/name"] == operator && pod.Labels["app.kubernetes.io/instance"] == "sipring",
		"node selector":     pod.Spec.NodeSelector["role"] == "edge",
		"tolerations":       len(pod.Spec.Tolerations) == 1 && pod.Spec.Tolerations[0].Key == "edge",
		"priority":          pod.Spec.PriorityClassName == "system-cluster-critical",
		"affinity":          pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil,
		"limits":            pod.Spec.Containers[0].Resources.Limits.Cpu().Value() == 2,
		"requests":          !pod.Spec.Containers[0].Resources.Requests.Memory().IsZero(),
		"security":          *pod.Spec.Containers[0].SecurityContext.RunAsUser == 1000 && *pod.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem,
	} {
		if !ok {
			t.Errorf("%s are not as set", what)
		}
	}
}

// monitor is what the tests read of a ServiceMonitor or PodMonitor.
type monitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		NamespaceSelector struct {
			Any        bool     `json:"any"`
			MatchNames []string `json:"matchNames"`
		} `json:"namespaceSelector"`
		Selector            metav1.LabelSelector `json:"selector"`
		Endpoints           []endpoint           `json:"endpoints"`
		PodMetricsEndpoints []endpoint           `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

type endpoint struct {
	Port        string `json:"port"`
	Interval    string `json:"interval"`
	HonorLabels bool   `json:"honorLabels"`
	Relabelings []any  `json:"relabelings"`
}

// TestMonitors: they are there when asked for, and select what there is.
func TestMonitors(t *testing.T) {
	for key := range objects(t) {
		if strings.Contains(key, "Monitor/") {
			t.Errorf("%s without being asked for", key)
		}
	}
	asked := "metrics.service=false,metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true,metrics.podMonitor.labels.release=prom,metrics.podMonitor.interval=15s"
	rendered := objects(t, "--set", asked)

	service, s := into[corev1.Service](t, rendered, "Service/"+operator), into[monitor](t, rendered, "ServiceMonitor/"+operator)
	if !selects(t, &s.Spec.Selector, service.Labels) || len(s.Spec.Endpoints) != 1 || s.Spec.Endpoints[0].Port != service.Spec.Ports[0].Name {
		t.Errorf("%+v does not select the operator's Service %+v", s.Spec, service)
	}
	if !s.Spec.Endpoints[0].HonorLabels {
		t.Error("the namespace of a SIPCluster would become the operator's")
	}

	p := into[monitor](t, rendered, "PodMonitor/sipring-operator-proxies")
	if !selects(t, &p.Spec.Selector, desired.Labels("ring")) || len(p.Spec.PodMetricsEndpoints) != 1 || p.Spec.PodMetricsEndpoints[0].Port != "admin" {
		t.Errorf("%+v does not select proxies", p.Spec)
	}
	if selects(t, &p.Spec.Selector, service.Labels) {
		t.Error("the proxies' monitor selects the operator too")
	}
	if !p.Spec.NamespaceSelector.Any || p.Labels["release"] != "prom" || p.Spec.PodMetricsEndpoints[0].Interval != "15s" {
		t.Errorf("%+v", p)
	}
	named := into[monitor](t, objects(t, "--set", asked, "--set", "watchNamespaces={east,west}"), "PodMonitor/sipring-operator-proxies")
	if n := named.Spec.NamespaceSelector; n.Any || strings.Join(n.MatchNames, " ") != "east west" {
		t.Errorf("namespaces %+v, want the watched ones", n)
	}
}

func selects(t *testing.T, s *metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return !selector.Empty() && selector.Matches(labels.Set(of))
}

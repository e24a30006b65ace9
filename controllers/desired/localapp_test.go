package desired

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

const withApplication = `
localApp: {port: 5080, protocol: UDP, proxyPort: 5060, users: "conf-[0-9]+", pinSeconds: 0, health: {check: TCP}}
volumeClaimTemplates: [{metadata: {name: mail, labels: {team: voice}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
authentication: {digest: {credentials: {secrets: [{name: users}]}}}
template:
  spec:
    terminationGracePeriodSeconds: 600
    initContainers:
    - {name: sounds, image: example.com/sounds}
    - name: proxy
      resources: {limits: {memory: 1Gi}}
    containers:
    - name: pbx
      image: example.com/pbx
      volumeMounts: [{name: mail, mountPath: /var/spool}]
    - {name: exporter, image: example.com/exporter, ports: [{containerPort: 9500}]}
`

// TestApplicationBesideTheProxy: the proxy is a native sidecar, with all that the spec
// gives it, and kubectl means the application.
func TestApplicationBesideTheProxy(t *testing.T) {
	c := ring(t, withApplication)
	set := must(StatefulSet(c, "example.com/sipring:1", must(ConfigText(c))))
	spec := set.Spec.Template.Spec
	var names []string
	for _, container := range slices.Concat(spec.InitContainers, spec.Containers) {
		names = append(names, *container.Name)
	}
	if d := cmp.Diff([]string{"sounds", "proxy", "pbx", "exporter"}, names); d != "" {
		t.Fatalf("containers in their order (-want +got):\n%s", d)
	}
	proxy := spec.InitContainers[1]
	if *proxy.RestartPolicy != corev1.ContainerRestartPolicyAlways || *proxy.StartupProbe.HTTPGet.Path != "/healthz" || proxy.Resources.Limits.Memory().Value() != 1<<30 {
		t.Errorf("no native sidecar: %s", asText(proxy))
	}
	if d := cmp.Diff([]string{"/sipring", "drain", "--timeout=590s"}, proxy.Lifecycle.PreStop.Exec.Command); d != "" {
		t.Errorf("before it ends (-want +got):\n%s", d)
	}
	if !slices.ContainsFunc(proxy.VolumeMounts, func(m corev1ac.VolumeMountApplyConfiguration) bool { return *m.Name == "credentials-0" }) {
		t.Error("the credentials are not mounted")
	}
	if !slices.ContainsFunc(proxy.VolumeMounts, func(m corev1ac.VolumeMountApplyConfiguration) bool { return *m.MountPath == tokenPath }) || *spec.AutomountServiceAccountToken {
		t.Error("the proxy has no token, or the application has one")
	}
	if *spec.TerminationGracePeriodSeconds != 600 {
		t.Errorf("%d s to end", *spec.TerminationGracePeriodSeconds)
	}
	if got := set.Spec.Template.Annotations[annotationDefaultContainer]; got != "pbx" {
		t.Errorf("kubectl means %q", got)
	}
	for _, m := range slices.Concat(spec.Containers[0].VolumeMounts, spec.Containers[1].VolumeMounts) {
		if *m.Name != "mail" {
			t.Errorf("a container beside the proxy has %s", *m.Name)
		}
	}
}

// TestApplicationLeavesTimes: a pod without a grace period of its own has the proxy's.
func TestApplicationLeavesTimes(t *testing.T) {
	const app = "localApp: {port: 5080, proxyPort: 5060}\n"
	for spec, want := range map[string]string{
		app + "template: {spec: {containers: [{name: pbx}]}}":                                                                                 "--timeout=30s of 40",
		app + "drainSeconds: 90\ntemplate: {spec: {containers: [{name: pbx}]}}":                                                               "--timeout=90s of 100",
		app + "drainSeconds: 0\ntemplate: {spec: {containers: [{name: pbx}]}}":                                                                "--timeout=1s of 10",
		app + "template: {spec: {terminationGracePeriodSeconds: 3600, containers: [{name: pbx}]}}":                                            "--timeout=3590s of 3600",
		app + "template: {annotations: {kubectl.kubernetes.io/default-container: proxy}, spec: {containers: [{name: pbx}]}}":                  "--timeout=30s of 40 proxy",
		app + "inheritedMetadata: {annotations: {kubectl.kubernetes.io/default-container: x}}\ntemplate: {spec: {containers: [{name: pbx}]}}": "--timeout=30s of 40 x",
	} {
		set := must(StatefulSet(ring(t, spec), "image", "cluster: ring"))
		pod := set.Spec.Template.Spec
		got := pod.InitContainers[0].Lifecycle.PreStop.Exec.Command[2] + " of " + strings.TrimSpace(asText(pod.TerminationGracePeriodSeconds))
		if name := set.Spec.Template.Annotations[annotationDefaultContainer]; name != "pbx" {
			got += " " + name
		}
		if got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
	}
}

// TestApplicationTemplateRefused: what takes from a proxy beside an application what it
// works with is refused in words that say what to do.
func TestApplicationTemplateRefused(t *testing.T) {
	const pbx = "containers: [{name: pbx}]"
	for name, tt := range map[string]struct{ template, want string }{
		"no application":        {"template: {spec: {nodeSelector: {a: b}}}", "spec.template.spec: containers: spec.localApp needs the application"},
		"no template":           {"", "spec.localApp needs the application"},
		"proxy where it was":    {"template: {spec: {containers: [{name: proxy, resources: {}}, {name: pbx}]}}", `with spec.localApp the proxy is a native sidecar: move "proxy" to initContainers`},
		"proxy removed":         {"template: {spec: {initContainers: [{name: proxy, $patch: delete}], " + pbx + "}}", `the container "proxy" must stay`},
		"proxy that ends":       {"template: {spec: {initContainers: [{name: proxy, restartPolicy: null}], " + pbx + "}}", "restartPolicy of the init container"},
		"proxy never restarted": {"template: {spec: {initContainers: [{name: proxy, restartPolicy: Never}], " + pbx + "}}", "restartPolicy Never of the container"},
		"args":                  {"template: {spec: {initContainers: [{name: proxy, args: [proxy]}], " + pbx + "}}", "args of the container"},
		"the node's network":    {"template: {spec: {hostNetwork: true, " + pbx + "}}", "hostNetwork: with spec.localApp whatever runs on the node would be taken for the application"},
		"another hook":          {"template: {spec: {initContainers: [{name: proxy, lifecycle: {preStop: {sleep: {seconds: 5}}}}], " + pbx + "}}", "lifecycle.preStop of the container"},
		"no hook":               {"template: {spec: {initContainers: [{name: proxy, lifecycle: null}], " + pbx + "}}", "lifecycle.preStop of the container"},
		"no start-up probe":     {"template: {spec: {initContainers: [{name: proxy, startupProbe: null}], " + pbx + "}}", "change their times only"},
		"another probe":         {"template: {spec: {initContainers: [{name: proxy, startupProbe: {httpGet: {path: /}}}], " + pbx + "}}", "change their times only"},
		"too little time":       {"template: {spec: {terminationGracePeriodSeconds: 20, " + pbx + "}}", "needs 40 seconds in all"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := StatefulSet(ring(t, "localApp: {port: 5080, proxyPort: 5060}\n"+tt.template), "image", "cluster: ring")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// TestApplicationInTheConfiguration: what the spec says is what the proxies are told.
func TestApplicationInTheConfiguration(t *testing.T) {
	cfg := must(Config(ring(t, `
localApp:
  port: 5080
  protocol: TCP
  proxyPort: 5070
  users: conf-[0-9]+
  domains: [example.com]
  when: NoAnswer
  noAnswerSeconds: 15
  health: {check: None, periodMilliseconds: 200, failures: 2}
  unavailable: Reject
  retryAfterSeconds: 9
  pinSeconds: 0
  original: HistoryInfo
`)))
	const want = "domains:\n- example.com\nhealth:\n  check: None\n  failures: 2\n  periodMilliseconds: 200\nnoAnswerSeconds: 15\noriginal: HistoryInfo\npinSeconds: 0\n" +
		"port: 5080\nprotocol: TCP\nproxyPort: 5070\nretryAfterSeconds: 9\nunavailable: Reject\nusers: conf-[0-9]+\nwhen: NoAnswer\n"
	if d := cmp.Diff(want, asText(cfg.LocalApp)); d != "" {
		t.Errorf("in the proxies' configuration (-want +got):\n%s", d)
	}
	if _, err := Config(ring(t, "localApp: {port: 5080, users: '['}")); err == nil {
		t.Error("no expression, and no error")
	}
}

// TestInitContainersStandWhereTheTemplateHasThem: before the proxy, unless it lists that
// first.
func TestInitContainersStandWhereTheTemplateHasThem(t *testing.T) {
	for listed, want := range map[string]string{
		"{name: a}, {name: b}":                "a b proxy",
		"{name: a}, {name: proxy}, {name: b}": "a proxy b",
		"{name: proxy}, {name: b}":            "proxy b",
	} {
		set := must(StatefulSet(ring(t, "localApp: {port: 5080, proxyPort: 5060}\ntemplate: {spec: {initContainers: ["+listed+"], containers: [{name: pbx}]}}"), "image", "cluster: ring"))
		var got []string
		for _, c := range set.Spec.Template.Spec.InitContainers {
			got = append(got, *c.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", listed, got, want)
		}
	}
}

// TestNativeSidecarIsFound: what is read of a pod's proxy is read of an init container
// too, and not of what only stands beside it.
func TestNativeSidecarIsFound(t *testing.T) {
	proxy := corev1.Container{
		Name: Container, Image: "example.com/sipring:1", Env: []corev1.EnvVar{{Name: envAddresses}},
		Ports: []corev1.ContainerPort{{Name: "udp", ContainerPort: 5070, Protocol: corev1.ProtocolUDP}},
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "sounds"}, proxy}, Containers: []corev1.Container{{Name: "pbx"}}}}
	pod.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "2001:db8::1"}}
	if got := Proxy(&pod.Spec); got == nil || got.Image != proxy.Image {
		t.Errorf("found %+v", got)
	}
	if port, ok := PodSIPPort(ring(t, ""), pod); !ok || port != 5070 {
		t.Errorf("port %d, %v", port, ok)
	}
	if got := reachable("10.0.0.1", pod); len(got) != 2 {
		t.Errorf("reached at %v", got)
	}
	pod.Spec.InitContainers = pod.Spec.InitContainers[:1]
	if got := Proxy(&pod.Spec); got != nil {
		t.Errorf("found %+v", got)
	}
}

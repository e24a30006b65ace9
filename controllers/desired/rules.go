package desired

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// rules are what spec.template must leave as the operator built it. Each says what
// to do instead.
var rules = []func(before, after *corev1.PodSpec) error{
	proxyStays, addressStays, apart, named, restarts, drains, hasToken, command, environment, ports, probes, files,
}

// reserved are the labels by which the pods are found and the annotation that holds
// their configuration.
func reserved(built *corev1ac.PodTemplateSpecApplyConfiguration, over *v1alpha1.PodTemplate) error {
	for key, value := range built.Labels {
		if asked, ok := over.Labels[key]; ok && asked != value {
			return fmt.Errorf("labels: %s is the operator's own, by which it finds the pods: use another key", key)
		}
	}
	for key := range built.Annotations {
		if _, ok := over.Annotations[key]; ok {
			return fmt.Errorf("annotations: %s holds the proxies' configuration: set the fields of spec instead", key)
		}
	}
	return nil
}

// isProxy finds the proxy's container.
func isProxy(c corev1.Container) bool { return c.Name == Container }

// besideApplication says that the proxy is an init container, a native sidecar.
func besideApplication(spec *corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.InitContainers, isProxy)
}

func proxyStays(before, after *corev1.PodSpec) error {
	within, outside := slices.ContainsFunc(after.Containers, isProxy), besideApplication(after)
	switch native := besideApplication(before); {
	case native && within:
		return fmt.Errorf("containers: with spec.localApp the proxy is a native sidecar: move %q to initContainers", Container)
	case native && len(after.Containers) == 0:
		return errors.New("containers: spec.localApp needs the application: put its container here")
	case native && !outside, !native && !within:
		return fmt.Errorf("the container %q must stay", Container)
	case !native && outside:
		return fmt.Errorf("initContainers: %q is the proxy's container: choose another name", Container)
	}
	return nil
}

// apart keeps the loopback address, from where a proxy takes what its application sends,
// the pod's own.
func apart(before, after *corev1.PodSpec) error {
	if besideApplication(before) && after.HostNetwork {
		return errors.New("hostNetwork: with spec.localApp whatever runs on the node would be taken for the application: remove it")
	}
	return nil
}

// addressStays keeps what the shared address needs, where the nodes hold one.
func addressStays(before, after *corev1.PodSpec) error {
	isAddress := func(c corev1.Container) bool { return c.Name == AddressContainer }
	i := slices.IndexFunc(before.InitContainers, isAddress)
	if i < 0 {
		return nil
	}
	const mode = "with spec.network.mode SharedAddress "
	j := slices.IndexFunc(after.InitContainers, isAddress)
	if j != 0 || len(after.InitContainers) == 0 || !sameButResources(before.InitContainers[i], after.InitContainers[j]) {
		return fmt.Errorf("initContainers: "+mode+"%q is the operator's, and the first: change its resources only, and put others behind it", AddressContainer)
	}
	if !after.HostNetwork {
		return errors.New("hostNetwork: " + mode + "the proxies are on their nodes' network: remove it")
	}
	for _, term := range before.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		if a := after.Affinity; a == nil || a.PodAntiAffinity == nil || !slices.ContainsFunc(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, func(t corev1.PodAffinityTerm) bool {
			return equality.Semantic.DeepEqual(t, term)
		}) {
			return fmt.Errorf("affinity: "+mode+"a node runs one proxy: keep among the terms of podAntiAffinity that of labelSelector %s and topologyKey %s", metav1.FormatLabelSelector(term.LabelSelector), term.TopologyKey)
		}
	}
	return nil
}

func sameButResources(a, b corev1.Container) bool {
	a.Resources, b.Resources = corev1.ResourceRequirements{}, corev1.ResourceRequirements{}
	return equality.Semantic.DeepEqual(a, b)
}

// named refuses what would be dropped silently: by Kubernetes where another field says
// it too, or by the StatefulSet.
func named(_, after *corev1.PodSpec) error {
	switch {
	case after.DeprecatedServiceAccount != "":
		return errors.New("serviceAccount is the old name of a field, which Kubernetes passes over: use serviceAccountName")
	case after.Hostname != "":
		return errors.New("hostname: a StatefulSet names its pods itself: remove it")
	case after.Subdomain != "":
		return errors.New("subdomain: a StatefulSet names its pods itself: remove it")
	}
	return nil
}

func restarts(before, after *corev1.PodSpec) error {
	if p := after.RestartPolicy; p != "" && p != corev1.RestartPolicyAlways {
		return fmt.Errorf("restartPolicy %s would leave a proxy that crashed dead: remove it", p)
	}
	c := Proxy(after)
	if c.RestartPolicy == nil && besideApplication(before) {
		return fmt.Errorf("restartPolicy of the init container %q must stay: without it the application would wait for the proxy to end", Container)
	}
	if p := c.RestartPolicy; p != nil && *p != corev1.ContainerRestartPolicyAlways {
		return fmt.Errorf("restartPolicy %s of the container %q would leave a proxy that crashed dead: remove it", *p, Container)
	}
	if len(c.RestartPolicyRules) > 0 {
		return fmt.Errorf("restartPolicyRules of the container %q: a proxy that ended is started again whatever its exit code: remove them", Container)
	}
	return nil
}

// drains counts what the proxy's container sleeps before it is asked to go: the kubelet
// takes that off the time that the pod has. Beside an application it drains by then.
func drains(before, after *corev1.PodSpec) error {
	if l := Proxy(before).Lifecycle; l != nil && (Proxy(after).Lifecycle == nil || !equality.Semantic.DeepEqual(l.PreStop, Proxy(after).Lifecycle.PreStop)) {
		return fmt.Errorf("lifecycle.preStop of the container %q is the operator's, which drains by it: remove it, and set terminationGracePeriodSeconds to give calls more time", Container)
	}
	need, how := *before.TerminationGracePeriodSeconds, "or remove this field"
	if l := Proxy(after).Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Sleep != nil {
		need, how = need+l.PreStop.Sleep.Seconds, "shorten the sleep of preStop, or raise this field"
	}
	if got := after.TerminationGracePeriodSeconds; got == nil || *got < need {
		return fmt.Errorf("terminationGracePeriodSeconds: a proxy drains for spec.drainSeconds and needs %d seconds in all: lower spec.drainSeconds, %s", need, how)
	}
	return nil
}

// tokenPath is where a pod finds its token.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount" //nolint:gosec // a path, no credential

func hasToken(_, after *corev1.PodSpec) error {
	if on := after.AutomountServiceAccountToken; on == nil || *on {
		return nil
	}
	if slices.ContainsFunc(Proxy(after).VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == tokenPath }) {
		return nil
	}
	return fmt.Errorf("automountServiceAccountToken: false takes from the proxies the token by which they follow their members and report those that are lost: remove it, or mount a token at %s", tokenPath)
}

func command(before, after *corev1.PodSpec) error {
	if len(Proxy(after).Command) > 0 {
		return fmt.Errorf("command of the container %q is the image's own: remove it", Container)
	}
	if !slices.Equal(Proxy(before).Args, Proxy(after).Args) {
		return fmt.Errorf("args of the container %q are the operator's: remove them, and set the fields of spec", Container)
	}
	return nil
}

func environment(before, after *corev1.PodSpec) error {
	for _, e := range Proxy(before).Env {
		if !slices.ContainsFunc(Proxy(after).Env, func(a corev1.EnvVar) bool { return equality.Semantic.DeepEqual(a, e) }) {
			return fmt.Errorf("env: %s of the container %q is the operator's: use another name", e.Name, Container)
		}
	}
	return nil
}

func ports(before, after *corev1.PodSpec) error {
	for _, p := range Proxy(before).Ports {
		if !slices.ContainsFunc(Proxy(after).Ports, func(a corev1.ContainerPort) bool {
			return a.Name == p.Name && a.ContainerPort == p.ContainerPort && a.Protocol == p.Protocol
		}) {
			return fmt.Errorf("ports: %s (%d/%s) of the container %q must stay: set it where spec has it", p.Name, p.ContainerPort, p.Protocol, Container)
		}
	}
	return nil
}

// probes may be slower or more patient; what they ask is the proxy's. A start-up probe
// would hold them back.
func probes(before, after *corev1.PodSpec) error {
	same := func(a, b *corev1.Probe) bool {
		return b != nil && equality.Semantic.DeepEqual(a.HTTPGet, b.HTTPGet) && b.Exec == nil && b.TCPSocket == nil && b.GRPC == nil
	}
	b, a := Proxy(before), Proxy(after)
	if !same(b.ReadinessProbe, a.ReadinessProbe) || !same(b.LivenessProbe, a.LivenessProbe) ||
		b.StartupProbe == nil && a.StartupProbe != nil || b.StartupProbe != nil && !same(b.StartupProbe, a.StartupProbe) {
		return fmt.Errorf("the probes of the container %q ask what the proxy answers: change their times only", Container)
	}
	return nil
}

func files(before, after *corev1.PodSpec) error {
	for _, m := range Proxy(before).VolumeMounts {
		if !slices.ContainsFunc(Proxy(after).VolumeMounts, func(a corev1.VolumeMount) bool { return equality.Semantic.DeepEqual(a, m) }) {
			return fmt.Errorf("volumeMounts: %s at %s of the container %q must stay as it is", m.Name, m.MountPath, Container)
		}
	}
	for _, v := range before.Volumes {
		if !slices.ContainsFunc(after.Volumes, func(a corev1.Volume) bool { return equality.Semantic.DeepEqual(a, v) }) {
			return fmt.Errorf("volumes: %s is the operator's: use another name", v.Name)
		}
	}
	return nil
}

package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

const mountRoot = "/etc/sipring/"

// envAddresses is the variable with the pod's addresses, one of each family.
const envAddresses = "POD_IPS"

// proxyContainer needs no start-up probe, where nothing waits for it: a proxy answers
// /healthz as soon as it runs, and /readyz says when it holds what it owns.
func proxyContainer(c *v1alpha1.SIPCluster, image string) *corev1ac.ContainerApplyConfiguration {
	p := c.Spec.Ports
	return corev1ac.Container().
		WithName(Container).
		WithImage(image).
		WithArgs("proxy",
			"--config", mountRoot+"config/"+config.ConfigKey,
			"--members", mountRoot+"members/"+config.MembersKey,
			"--keys", mountRoot+"keys/"+config.KeysKey,
			"--trust", mountRoot+"trust/"+config.TrustKey,
			"--configmap", "$(NAMESPACE)/"+MembersName(c.Name)).
		WithEnv(
			fieldEnv("POD_NAME", "metadata.name"),
			fieldEnv("POD_UID", "metadata.uid"),
			fieldEnv("NAMESPACE", "metadata.namespace"),
			fieldEnv("POD_IP", "status.podIP"),
			fieldEnv(envAddresses, "status.podIPs"),
			fieldEnv("NODE_NAME", "spec.nodeName")).
		WithPorts(listenerPorts(c)...).
		WithPorts(
			containerPort(portPeer, corev1.ProtocolTCP, p.Peer),
			containerPort(portHealth, corev1.ProtocolTCP, p.Health),
			containerPort(portAdmin, corev1.ProtocolTCP, p.Admin)).
		WithReadinessProbe(probe("/readyz", 1, 1, 2)).
		WithLivenessProbe(probe("/healthz", 5, 2, 6)).
		WithResources(corev1ac.ResourceRequirements().WithRequests(corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi"),
		})).
		// The last lines of the log become the reason of a crash in the status.
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL"))).
		WithVolumeMounts(mount("config"), mount("members"), mount("keys"), mount("trust"), controlMount())
}

func fieldEnv(name, path string) *corev1ac.EnvVarApplyConfiguration {
	return corev1ac.EnvVar().WithName(name).WithValueFrom(
		corev1ac.EnvVarSource().WithFieldRef(corev1ac.ObjectFieldSelector().WithFieldPath(path)))
}

func containerPort(name string, protocol corev1.Protocol, port int32) *corev1ac.ContainerPortApplyConfiguration {
	return corev1ac.ContainerPort().WithName(name).WithProtocol(protocol).WithContainerPort(port)
}

// probe asks for the path on the port for that. Seconds.
func probe(path string, period, timeout, failures int32) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(portHealth))).
		WithPeriodSeconds(period).
		WithTimeoutSeconds(timeout).
		WithFailureThreshold(failures)
}

func mount(volume string) *corev1ac.VolumeMountApplyConfiguration {
	return corev1ac.VolumeMount().WithName(volume).WithMountPath(mountRoot + volume).WithReadOnly(true)
}

func listenerPorts(c *v1alpha1.SIPCluster) []*corev1ac.ContainerPortApplyConfiguration {
	var ports []*corev1ac.ContainerPortApplyConfiguration
	named := namedAddresses(c)
	for _, l := range Listeners(c) {
		port := containerPort(l.Name, l4(l), l.Port)
		if len(named) > 0 { // another cluster on the node may have it at another address
			port.WithHostIP(named[0])
		}
		ports = append(ports, port)
	}
	return ports
}

// PodSIPPort is the port that a running pod was made with for the cluster's first
// listener, which may have had another name then.
func PodSIPPort(c *v1alpha1.SIPCluster, pod *corev1.Pod) (port int32, ok bool) {
	first := Listeners(c)[0]
	if port, ok = podPort(pod, first); ok {
		return port, true
	}
	for _, p := range proxyPorts(pod) {
		if inside := p.Name == portPeer || p.Name == portHealth || p.Name == portAdmin; p.Protocol == l4(first) && !inside {
			return p.ContainerPort, true
		}
	}
	return 0, false
}

// podPort is the port that a running pod was made with for a listener.
func podPort(pod *corev1.Pod, l v1alpha1.Listener) (port int32, ok bool) {
	for _, p := range proxyPorts(pod) {
		if p.Name == l.Name && p.Protocol == l4(l) {
			return p.ContainerPort, true
		}
	}
	return 0, false
}

func proxyPorts(pod *corev1.Pod) []corev1.ContainerPort {
	if container := Proxy(&pod.Spec); container != nil {
		return container.Ports
	}
	return nil
}

// Proxy is the proxy's container of a pod, which is an init container where it runs
// beside an application as a native sidecar; nil where there is none.
func Proxy(spec *corev1.PodSpec) *corev1.Container {
	for _, containers := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range containers {
			if containers[i].Name == Container {
				return &containers[i]
			}
		}
	}
	return nil
}

package desired

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// AddressContainer is the name of the native sidecar that has the node hold the shared
// address.
const AddressContainer = "address"

// labelServiceProxyName of a Service says that kube-proxy leaves it to somebody else.
const labelServiceProxyName = "service.kubernetes.io/service-proxy-name"

// serviceProxyName is that somebody: the proxies take what comes to the address themselves.
const serviceProxyName = "sipring.io"

// serviceLabels are those of the client Service beside what every object has.
func serviceLabels(c *v1alpha1.SIPCluster) map[string]string {
	if !SharesAddress(c) {
		return nil
	}
	return map[string]string{labelServiceProxyName: serviceProxyName}
}

// SharesAddress says that the nodes hold the cluster's address.
func SharesAddress(c *v1alpha1.SIPCluster) bool {
	return c.Spec.Network.Mode == v1alpha1.NetworkModeSharedAddress
}

// SharedAddresses are those that the nodes are to hold: those of the spec, else what the
// load balancer has assigned, the first of each family, else those of before. None where
// the mode is another, or none is known yet. service may be nil.
func SharedAddresses(c *v1alpha1.SIPCluster, service *corev1.Service, before []string) []string {
	if !SharesAddress(c) {
		return nil
	}
	if named := namedAddresses(c); len(named) > 0 {
		return named
	}
	var assigned []string
	if service != nil && serviceType(c) == corev1.ServiceTypeLoadBalancer {
		for _, host := range ingressHosts(service) {
			a, err := netip.ParseAddr(host)
			if err == nil && !slices.ContainsFunc(assigned, func(b string) bool { return family(b) == family(host) }) {
				assigned = append(assigned, a.Unmap().String())
			}
		}
	}
	if len(assigned) > 0 {
		return assigned
	}
	return before
}

// namedAddresses are those of spec.network.
func namedAddresses(c *v1alpha1.SIPCluster) (named []string) {
	if !SharesAddress(c) {
		return nil
	}
	for _, a := range c.Spec.Network.Addresses {
		named = append(named, string(a))
	}
	return named
}

// WithShared is the SIPCluster as if its spec named the addresses.
func WithShared(c *v1alpha1.SIPCluster, addresses []string) *v1alpha1.SIPCluster {
	if !SharesAddress(c) || len(addresses) == 0 {
		return c
	}
	c = c.DeepCopy()
	c.Spec.Network.Addresses = nil
	for _, a := range addresses {
		c.Spec.Network.Addresses = append(c.Spec.Network.Addresses, v1alpha1.SharedAddress(a))
	}
	return c
}

// SharedBefore are the shared addresses of the configuration that pods were made with.
func SharedBefore(configuration string) []string {
	c, err := config.ParseConfig([]byte(configuration))
	if err != nil {
		return nil
	}
	return c.SharedAddresses
}

// withNetwork has the pod be on its node's network, alone of the cluster, and the node hold
// the address before the proxy starts and until it has ended.
func withNetwork(spec *corev1ac.PodSpecApplyConfiguration, c *v1alpha1.SIPCluster, image string) {
	if !SharesAddress(c) {
		return
	}
	spec.WithHostNetwork(true).
		WithDNSPolicy(corev1.DNSClusterFirstWithHostNet).
		WithAffinity(corev1ac.Affinity().WithPodAntiAffinity(corev1ac.PodAntiAffinity().
			WithRequiredDuringSchedulingIgnoredDuringExecution(corev1ac.PodAffinityTerm().
				WithLabelSelector(metav1ac.LabelSelector().WithMatchLabels(SelectorLabels(c.Name))).
				WithTopologyKey(corev1.LabelHostname)))).
		WithInitContainers(addressContainer(image))
}

// addressContainer runs as root, for a capability that is added is in force for root
// alone, and with no other one.
func addressContainer(image string) *corev1ac.ContainerApplyConfiguration {
	file := mountRoot + "config/" + config.ConfigKey
	return corev1ac.Container().
		WithName(AddressContainer).
		WithImage(image).
		WithArgs("address", "--config", file).
		WithEnv(fieldEnv("NAMESPACE", "metadata.namespace")).
		WithRestartPolicy(corev1.ContainerRestartPolicyAlways).
		WithStartupProbe(corev1ac.Probe().
			WithExec(corev1ac.ExecAction().WithCommand("/sipring", "address", "--config", file, "--check")).
			WithPeriodSeconds(1).WithTimeoutSeconds(5).WithFailureThreshold(60)).
		WithResources(corev1ac.ResourceRequirements().WithRequests(corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi"),
		})).
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithSecurityContext(corev1ac.SecurityContext().
			WithRunAsUser(0).WithRunAsGroup(0).WithRunAsNonRoot(false).
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL").WithAdd("NET_ADMIN"))).
		WithVolumeMounts(mount("config"))
}

package desired

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	kjson "sigs.k8s.io/json"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// localApp in the proxies' configuration; nil: there is no application.
func localApp(a *v1alpha1.LocalApp) *config.LocalApp {
	if a == nil {
		return nil
	}
	out := &config.LocalApp{
		Port: int(a.Port), Protocol: a.Protocol, ProxyPort: int(a.ProxyPort), Users: a.Users, Domains: a.Domains,
		When: a.When, NoAnswerSeconds: int(a.NoAnswerSeconds),
		Health:      config.LocalAppHealth{Check: a.Health.Check, PeriodMilliseconds: int(a.Health.PeriodMilliseconds), Failures: int(a.Health.Failures)},
		Unavailable: a.Unavailable, RetryAfterSeconds: int(a.RetryAfterSeconds), Original: a.Original,
	}
	if a.PinSeconds != nil {
		out.PinSeconds = new(int(*a.PinSeconds))
	}
	return out
}

// annotationDefaultContainer of a pod names the container that kubectl means where it
// is told none.
const annotationDefaultContainer = "kubectl.kubernetes.io/default-container"

// withProxy puts the proxy's container into the pod: as a native sidecar where there is
// an application, so that it serves before that begins and until it has ended.
func withProxy(spec *corev1ac.PodSpecApplyConfiguration, c *v1alpha1.SIPCluster, image string) {
	proxy := proxyContainer(c, image)
	if c.Spec.LocalApp == nil {
		spec.WithContainers(proxy)
		return
	}
	spec.WithAutomountServiceAccountToken(false).WithVolumes(tokenVolume()).WithInitContainers(proxy.
		WithVolumeMounts(corev1ac.VolumeMount().WithName(volumeToken).WithMountPath(tokenPath).WithReadOnly(true)).
		WithRestartPolicy(corev1.ContainerRestartPolicyAlways).
		WithStartupProbe(probe("/healthz", 1, 1, 60)).
		WithLifecycle(corev1ac.Lifecycle().WithPreStop(corev1ac.LifecycleHandler().WithExec(
			corev1ac.ExecAction().WithCommand("/sipring", "drain", fmt.Sprintf("--timeout=%ds", max(1, GracePeriod(c)-drainMargin)))))))
}

// volumeToken holds the pod's token, by which a proxy writes its Lease. The application
// beside it has none, unless spec.template asks for it.
const volumeToken = "proxy-token"

// tokenVolume is what Kubernetes mounts into each container otherwise.
func tokenVolume() *corev1ac.VolumeApplyConfiguration {
	const hour = 3607 // seconds, as Kubernetes itself asks for
	return corev1ac.Volume().WithName(volumeToken).WithProjected(corev1ac.ProjectedVolumeSource().WithSources(
		corev1ac.VolumeProjection().WithServiceAccountToken(corev1ac.ServiceAccountTokenProjection().WithPath("token").WithExpirationSeconds(hour)),
		corev1ac.VolumeProjection().WithConfigMap(corev1ac.ConfigMapProjection().WithName("kube-root-ca.crt").
			WithItems(corev1ac.KeyToPath().WithKey("ca.crt").WithPath("ca.crt"))),
		corev1ac.VolumeProjection().WithDownwardAPI(corev1ac.DownwardAPIProjection().WithItems(
			corev1ac.DownwardAPIVolumeFile().WithPath("namespace").WithFieldRef(corev1ac.ObjectFieldSelector().WithFieldPath("metadata.namespace"))))))
}

// proxyOf is the proxy's container in a pod as it was built.
func proxyOf(spec *corev1ac.PodSpecApplyConfiguration) *corev1ac.ContainerApplyConfiguration {
	for i := range spec.InitContainers {
		if *spec.InitContainers[i].Name == Container {
			return &spec.InitContainers[i]
		}
	}
	return &spec.Containers[0]
}

// GracePeriod is how long a pod may take to end, in seconds: as long as spec.template
// says, for an application with long calls, and at least what a proxy needs.
func GracePeriod(c *v1alpha1.SIPCluster) int64 {
	need := int64(drainSeconds(c) + drainMargin)
	if c.Spec.Template == nil || c.Spec.Template.Spec == nil {
		return need
	}
	var spec struct {
		TerminationGracePeriodSeconds int64 `json:"terminationGracePeriodSeconds"`
	}
	if kjson.UnmarshalCaseSensitivePreserveInts(c.Spec.Template.Spec.Raw, &spec) != nil {
		return need // which applying the pods reports
	}
	return max(need, spec.TerminationGracePeriodSeconds)
}

// claims are those of each pod.
func claims(c *v1alpha1.SIPCluster) (all []*corev1ac.PersistentVolumeClaimApplyConfiguration, err error) {
	for i := range c.Spec.VolumeClaimTemplates {
		t := &c.Spec.VolumeClaimTemplates[i]
		text, err := json.Marshal(&t.Spec)
		if err != nil {
			return nil, err
		}
		spec := corev1ac.PersistentVolumeClaimSpec()
		if err := json.Unmarshal(text, spec); err != nil {
			return nil, err
		}
		claim := (&corev1ac.PersistentVolumeClaimApplyConfiguration{}).
			WithAPIVersion("v1").WithKind("PersistentVolumeClaim").WithName(t.Metadata.Name).
			WithLabels(t.Metadata.Labels).WithAnnotations(t.Metadata.Annotations).
			WithSpec(spec)
		all = append(all, claim)
	}
	return all, nil
}

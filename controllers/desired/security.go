package desired

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/sipring/sipring/api/v1alpha1"
)

// AllowHostNetwork is what TemplatePolicy.Allow may name: the nodes' own network
// and ports of it.
const AllowHostNetwork = "hostNetwork"

// TemplatePolicy is how far spec.template may go: whoever may create a SIPCluster
// has the operator make pods, and should get no more by it than the policy says.
type TemplatePolicy struct {
	level     podsecurity.Level
	allow     []string
	evaluator policy.Evaluator
}

// NewTemplatePolicy returns the policy of a level of the Pod Security Standards
// (restricted, baseline or privileged) with what is allowed beyond it by name.
func NewTemplatePolicy(level string, allow []string) (*TemplatePolicy, error) {
	parsed, err := podsecurity.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("%q is not one of restricted, baseline, privileged", level)
	}
	for _, a := range allow {
		if a != AllowHostNetwork {
			return nil, fmt.Errorf("%q cannot be allowed by name: %s can", a, AllowHostNetwork)
		}
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	return &TemplatePolicy{parsed, allow, evaluator}, nil
}

// RestrictedTemplates is the policy of the standard restricted, nothing beyond it.
func RestrictedTemplates() *TemplatePolicy {
	p, err := NewTemplatePolicy(string(podsecurity.LevelRestricted), nil)
	if err != nil {
		panic(err) // of the library's own checks
	}
	return p
}

// Check says what of the pod template of a SIPCluster is not allowed.
func (p *TemplatePolicy) Check(c *v1alpha1.SIPCluster, template *corev1ac.PodTemplateSpecApplyConfiguration) error {
	text, err := json.Marshal(template)
	if err != nil {
		return err
	}
	pod := &corev1.PodTemplateSpec{}
	if err := json.Unmarshal(text, pod); err != nil {
		return err
	}
	if SharesAddress(c) {
		withoutAddress(&pod.Spec)
	}
	usesHost := pod.Spec.HostNetwork
	if usesHost && slices.Contains(p.allow, AllowHostNetwork) {
		withoutHostNetwork(&pod.Spec)
		usesHost = false
	}
	result := policy.AggregateCheckResults(p.evaluator.EvaluatePod(
		podsecurity.LevelVersion{Level: p.level, Version: podsecurity.LatestVersion()}, &pod.ObjectMeta, &pod.Spec))
	if result.Allowed {
		return nil
	}
	how := "start the operator with a wider --template-pod-security"
	if usesHost {
		how = "start the operator with --template-allow=" + AllowHostNetwork + " for the nodes' network, or " + how[len("start the operator "):]
	}
	return fmt.Errorf("spec.template is beyond the pod security standard %s that this operator holds it to: %s; or %s",
		p.level, strings.TrimSpace(result.ForbiddenDetail()), how)
}

// withoutAddress takes out what is the operator's own where the nodes hold the shared
// address. The nodes' network counts where others than the proxy are on it, too.
func withoutAddress(spec *corev1.PodSpec) {
	spec.InitContainers = slices.DeleteFunc(spec.InitContainers, func(c corev1.Container) bool { return c.Name == AddressContainer })
	if len(spec.InitContainers) == 0 && len(spec.Containers) == 1 {
		withoutHostNetwork(spec)
	}
}

// withoutHostNetwork makes of a pod what is judged of one that may have the nodes'
// network.
func withoutHostNetwork(spec *corev1.PodSpec) {
	spec.HostNetwork = false
	for _, containers := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range containers {
			for j := range containers[i].Ports {
				containers[i].Ports[j].HostPort = 0
			}
		}
	}
}

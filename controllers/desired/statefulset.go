package desired

import (
	"cmp"
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// drainMargin is how much longer than DrainSeconds the kubelet waits before it
// kills a proxy. Seconds.
const drainMargin = 10

// minReadySeconds is for how long a pod must be ready before an update replaces the
// next one. That it is ready says that it serves, not that anybody sends to it yet:
// the operator adds it to the EndpointSlice, and then kube-proxy, which waits a second
// between two syncs, and the load balancer follow. If the next one left meanwhile,
// both would be out of the traffic at once, which of two pods is all.
const minReadySeconds = 5

// StatefulSet runs the proxies: all start at once, and an update replaces one
// at a time, or as spec.updateStrategy says, waiting until it is ready, which means
// that it holds what it owns, and has been for minReadySeconds.
// A revision is the image with its configuration: a pod that is not replaced yet,
// or restarts meanwhile, goes on with the one that it was made for. An error is
// one of spec.template.
func StatefulSet(c *v1alpha1.SIPCluster, image, configuration string) (*appsv1ac.StatefulSetApplyConfiguration, error) {
	built, err := podTemplate(c, image, configuration)
	if err != nil {
		return nil, err
	}
	template, err := overridden(built, c)
	if err != nil {
		return nil, err
	}
	volumes, err := claims(c)
	if err != nil {
		return nil, err
	}
	set := owned(appsv1ac.StatefulSet(StatefulSetName(c.Name), c.Namespace), c).
		WithSpec(appsv1ac.StatefulSetSpec().
			WithReplicas(Replicas(c)).
			WithServiceName(PeerServiceName(c.Name)).
			WithPodManagementPolicy(appsv1.ParallelPodManagement).
			WithMinReadySeconds(minReadySeconds).
			WithUpdateStrategy(updateStrategy(c)).
			WithRevisionHistoryLimit(revisionHistoryLimit(c)).
			WithSelector(selectorAC(c.Name)).
			WithTemplate(template).
			WithVolumeClaimTemplates(volumes...))
	if len(volumes) > 0 {
		set.Spec.WithPersistentVolumeClaimRetentionPolicy(retention(c))
	}
	return set, nil
}

// retention is what becomes of claims: they stay, unless the spec says otherwise.
func retention(c *v1alpha1.SIPCluster) *appsv1ac.StatefulSetPersistentVolumeClaimRetentionPolicyApplyConfiguration {
	p := v1alpha1.VolumeClaimRetention{}
	if c.Spec.PersistentVolumeClaimRetentionPolicy != nil {
		p = *c.Spec.PersistentVolumeClaimRetentionPolicy
	}
	kept := string(appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	return appsv1ac.StatefulSetPersistentVolumeClaimRetentionPolicy().
		WithWhenDeleted(appsv1.PersistentVolumeClaimRetentionPolicyType(cmp.Or(p.WhenDeleted, kept))).
		WithWhenScaled(appsv1.PersistentVolumeClaimRetentionPolicyType(cmp.Or(p.WhenScaled, kept)))
}

func podTemplate(c *v1alpha1.SIPCluster, image, configuration string) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	constraints, err := spreadConstraints(c)
	if err != nil {
		return nil, err
	}
	template := corev1ac.PodTemplateSpec().
		WithLabels(Labels(c.Name)).
		WithAnnotations(map[string]string{AnnotationConfig: configuration}).
		WithSpec(corev1ac.PodSpec().
			WithServiceAccountName(AccountName(c.Name)).
			WithEnableServiceLinks(false).
			WithTerminationGracePeriodSeconds(int64(drainSeconds(c)+drainMargin)).
			WithSecurityContext(podSecurity()).
			WithTopologySpreadConstraints(constraints...).
			WithVolumes(
				configVolume(),
				controlVolume(),
				corev1ac.Volume().WithName("members").WithConfigMap(
					corev1ac.ConfigMapVolumeSource().WithName(MembersName(c.Name))),
				corev1ac.Volume().WithName("trust").WithConfigMap(
					corev1ac.ConfigMapVolumeSource().WithName(TrustName(c.Name))),
				corev1ac.Volume().WithName("keys").WithSecret(
					corev1ac.SecretVolumeSource().WithSecretName(KeysName(c.Name)).WithDefaultMode(0o440))))
	withNetwork(template.Spec, c, image)
	withProxy(template.Spec, c, image)
	withCredentials(template.Spec, c)
	withCertificates(template.Spec, c)
	if c.Spec.PriorityClassName != "" {
		template.Spec.WithPriorityClassName(c.Spec.PriorityClassName)
	}
	return template, nil
}

// defaultRevisions is how many former revisions of the StatefulSet are kept.
const defaultRevisions = 5

func revisionHistoryLimit(c *v1alpha1.SIPCluster) int32 {
	if c.Spec.RevisionHistoryLimit == nil {
		return defaultRevisions
	}
	return *c.Spec.RevisionHistoryLimit
}

// spreadConstraints are those of the spec, or over nodes and zones.
func spreadConstraints(c *v1alpha1.SIPCluster) ([]*corev1ac.TopologySpreadConstraintApplyConfiguration, error) {
	if len(c.Spec.TopologySpreadConstraints) == 0 {
		return []*corev1ac.TopologySpreadConstraintApplyConfiguration{spread(c, corev1.LabelHostname), spread(c, corev1.LabelTopologyZone)}, nil
	}
	var constraints []*corev1ac.TopologySpreadConstraintApplyConfiguration
	for i := range c.Spec.TopologySpreadConstraints {
		text, err := json.Marshal(c.Spec.TopologySpreadConstraints[i])
		if err != nil {
			return nil, err
		}
		constraint := corev1ac.TopologySpreadConstraint()
		if err := json.Unmarshal(text, constraint); err != nil {
			return nil, err
		}
		if constraint.LabelSelector == nil {
			constraint.WithLabelSelector(selectorAC(c.Name))
		}
		constraints = append(constraints, constraint)
	}
	return constraints, nil
}

// spread asks for it rather than insists: a proxy beside another is better than
// none while a node is away.
func spread(c *v1alpha1.SIPCluster, topology string) *corev1ac.TopologySpreadConstraintApplyConfiguration {
	return corev1ac.TopologySpreadConstraint().
		WithMaxSkew(1).
		WithTopologyKey(topology).
		WithWhenUnsatisfiable(corev1.ScheduleAnyway).
		WithLabelSelector(selectorAC(c.Name))
}

// nonRoot is the user and group of the image.
const nonRoot = 65532

func podSecurity() *corev1ac.PodSecurityContextApplyConfiguration {
	return corev1ac.PodSecurityContext().
		WithRunAsNonRoot(true).
		WithRunAsUser(nonRoot).
		WithRunAsGroup(nonRoot).
		WithFSGroup(nonRoot).
		WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
}

// configVolume makes the pod's annotation a file.
func configVolume() *corev1ac.VolumeApplyConfiguration {
	return corev1ac.Volume().WithName("config").WithDownwardAPI(corev1ac.DownwardAPIVolumeSource().WithItems(
		corev1ac.DownwardAPIVolumeFile().WithPath(config.ConfigKey).WithFieldRef(
			corev1ac.ObjectFieldSelector().WithFieldPath("metadata.annotations['" + AnnotationConfig + "']"))))
}

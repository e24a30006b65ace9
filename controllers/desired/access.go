package desired

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// ServiceAccount of the proxies.
func ServiceAccount(c *v1alpha1.SIPCluster) *corev1ac.ServiceAccountApplyConfiguration {
	return owned(corev1ac.ServiceAccount(AccountName(c.Name), c.Namespace), c)
}

// Role lets the proxies read the one ConfigMap that they follow and write
// Leases named like themselves. pods is how many names there are; RBAC cannot
// limit the name of what is created.
func Role(c *v1alpha1.SIPCluster, pods int32) *rbacv1ac.RoleApplyConfiguration {
	names := make([]string, 0, pods)
	for i := range pods {
		names = append(names, PodName(c.Name, i))
	}
	role := owned(rbacv1ac.Role(AccountName(c.Name), c.Namespace), c).
		WithRules(
			rbacv1ac.PolicyRule().WithAPIGroups("").WithResources("configmaps").
				WithResourceNames(MembersName(c.Name)).WithVerbs("get", "list", "watch"),
			rbacv1ac.PolicyRule().WithAPIGroups("coordination.k8s.io").WithResources("leases").WithVerbs("create"))
	if len(names) > 0 { // a rule without names would mean every name
		role.WithRules(rbacv1ac.PolicyRule().WithAPIGroups("coordination.k8s.io").WithResources("leases").
			WithResourceNames(names...).WithVerbs("get", "update", "patch"))
	}
	return role
}

// RoleBinding gives the Role to the ServiceAccount, and to the one that
// spec.template names: while pods are rolled both are in use.
func RoleBinding(c *v1alpha1.SIPCluster) *rbacv1ac.RoleBindingApplyConfiguration {
	name := AccountName(c.Name)
	account := func(name string) *rbacv1ac.SubjectApplyConfiguration {
		return rbacv1ac.Subject().WithKind("ServiceAccount").WithNamespace(c.Namespace).WithName(name)
	}
	subjects := []*rbacv1ac.SubjectApplyConfiguration{account(name)}
	if other := templateAccount(c); other != "" && other != name {
		subjects = append(subjects, account(other))
	}
	return owned(rbacv1ac.RoleBinding(name, c.Namespace), c).
		WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup("rbac.authorization.k8s.io").WithKind("Role").WithName(name)).
		WithSubjects(subjects...)
}

// HasBudget says that evictions are bounded.
func HasBudget(c *v1alpha1.SIPCluster) bool {
	return c.Spec.PodDisruptionBudget.Enabled == nil || *c.Spec.PodDisruptionBudget.Enabled
}

// Budget lets so many proxies at a time be evicted, one where nothing is said, and
// broken ones always.
func Budget(c *v1alpha1.SIPCluster) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	most := intstr.FromInt32(1)
	if set := c.Spec.PodDisruptionBudget.MaxUnavailable; set != nil {
		most = *set
	}
	return owned(policyv1ac.PodDisruptionBudget(BudgetName(c.Name), c.Namespace), c).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(most).
			WithSelector(selectorAC(c.Name)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow))
}

// Secret holds the cluster's keys. It is created once and never overwritten.
func Secret(c *v1alpha1.SIPCluster, keys *config.Keys) (*corev1.Secret, error) {
	return secret(c, KeysName(c.Name), config.KeysKey, keys)
}

// SignerSecret holds the keys that sign member sets. No pod mounts it, and it is
// created once and never overwritten.
func SignerSecret(c *v1alpha1.SIPCluster, keys *config.Keys) (*corev1.Secret, error) {
	return secret(c, SignerName(c.Name), config.SignerKey, keys)
}

func secret(c *v1alpha1.SIPCluster, name, key string, keys *config.Keys) (*corev1.Secret, error) {
	text, err := keys.Marshal()
	if err != nil {
		return nil, err
	}
	labels := maps.Clone(Labels(c.Name))
	inherited := inheritedMetadata(c)
	for key, value := range inherited.Labels {
		if _, ours := labels[key]; !ours {
			labels[key] = value
		}
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: c.Namespace, Labels: labels, Annotations: maps.Clone(inherited.Annotations),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(c, v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{key: text},
	}, nil
}

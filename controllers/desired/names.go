package desired

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// Labels and annotations.
const (
	// AnnotationConfig of a pod holds the configuration of its proxy, which reads
	// it as a file: a change of it rolls the pods.
	AnnotationConfig = "sipring.io/config"

	labelName      = "app.kubernetes.io/name"
	labelInstance  = "app.kubernetes.io/instance"
	labelComponent = "app.kubernetes.io/component"
	labelManagedBy = "app.kubernetes.io/managed-by"
	appName        = "sipring"
	component      = "proxy"
)

// FieldOwner is the one field owner of all that the operator applies.
const FieldOwner = "sipring-operator"

// Container is the name of the proxy's container.
const Container = "proxy"

// StatefulSetName is also the prefix of the pods' names.
func StatefulSetName(cluster string) string { return cluster }

// ClientServiceName is the name of the Service that phones use.
func ClientServiceName(cluster string) string { return cluster }

// TCPServiceName is the name of the second Service that phones use, where what TCP
// carries has one of its own.
func TCPServiceName(cluster string) string { return cluster + "-tcp" }

// PeerServiceName is the name of the headless Service of the proxies.
func PeerServiceName(cluster string) string { return cluster + "-peers" }

// MembersName is the name of the ConfigMap with members.json.
func MembersName(cluster string) string { return cluster + "-members" }

// KeysName is the name of the Secret with keys.json.
func KeysName(cluster string) string { return cluster + "-keys" }

// SignerName is the name of the Secret with signer.json, the keys that sign member
// sets.
func SignerName(cluster string) string { return cluster + "-signer" }

// TrustName is the name of the ConfigMap with trust.json, the public halves.
func TrustName(cluster string) string { return cluster + "-trust" }

// ClaimName is the name of the Lease of the operator that carries the cluster out.
// No pod has such a name.
func ClaimName(cluster string) string { return cluster + "-claim" }

// Identity is what a member set is signed for: this SIPCluster and no other of the
// name, before or elsewhere.
func Identity(c *v1alpha1.SIPCluster) string {
	return c.Namespace + "/" + c.Name + "/" + string(c.UID)
}

// AccountName is the name of the proxies' ServiceAccount, Role and RoleBinding.
func AccountName(cluster string) string { return cluster + "-proxy" }

// BudgetName is the name of the PodDisruptionBudget.
func BudgetName(cluster string) string { return cluster }

// NetworkPolicyName is the name of the NetworkPolicy.
func NetworkPolicyName(cluster string) string { return cluster }

// PodName is the name of the pod with the ordinal.
func PodName(cluster string, ordinal int32) string { return fmt.Sprintf("%s-%d", cluster, ordinal) }

// Ordinal is the ordinal in the name of a cluster's pod.
func Ordinal(cluster, pod string) (int32, bool) {
	digits, ok := strings.CutPrefix(pod, cluster+"-")
	if !ok || digits == "" || digits != "0" && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	return int32(n), err == nil
}

// Labels of every object of the cluster.
func Labels(cluster string) map[string]string {
	l := map[string]string{labelInstance: cluster, labelComponent: component, labelManagedBy: FieldOwner}
	maps.Copy(l, SelectorLabels(cluster))
	return l
}

// SelectorLabels are the labels that select the cluster's pods. They can never
// change.
func SelectorLabels(cluster string) map[string]string {
	return map[string]string{labelName: appName, config.LabelCluster: cluster}
}

// Selector is the text form of SelectorLabels.
func Selector(cluster string) string { return labels.SelectorFromSet(SelectorLabels(cluster)).String() }

// Owner refers to the SIPCluster as the controller of an object.
func Owner(c *v1alpha1.SIPCluster) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind(v1alpha1.Kind).
		WithName(c.Name).
		WithUID(c.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}

func selectorAC(cluster string) *metav1ac.LabelSelectorApplyConfiguration {
	return metav1ac.LabelSelector().WithMatchLabels(SelectorLabels(cluster))
}

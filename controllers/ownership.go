package controllers

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// own says that the pod is the cluster's: its StatefulSet controls it, by UID,
// and the cluster that one. A name and labels anybody can give to a pod.
//
// While the StatefulSet is being replaced a pod is nobody's, or still its
// predecessor's: then it is the cluster's if the last set that this cluster
// published has it, and it has all that the next StatefulSet adopts it by.
func own(c *v1alpha1.SIPCluster, set *appsv1.StatefulSet, last *config.MemberSet, p *corev1.Pod) bool {
	by := metav1.GetControllerOf(p)
	mine := set != nil && metav1.IsControlledBy(set, c)
	if by != nil && mine && by.UID == set.UID {
		return true
	}
	if last == nil || by != nil && (by.Kind != "StatefulSet" || by.Name != desired.StatefulSetName(c.Name)) {
		return false
	}
	m, ok := last.ByName(p.Name)
	return ok && m.Address == p.Status.PodIP && labels.SelectorFromSet(desired.SelectorLabels(c.Name)).Matches(labels.Set(p.Labels))
}

// split parts the cluster's pods from those that only look like them.
func split(c *v1alpha1.SIPCluster, set *appsv1.StatefulSet, last *config.MemberSet, pods []corev1.Pod) (mine, strangers []corev1.Pod) {
	for i := range pods {
		if own(c, set, last, &pods[i]) {
			mine = append(mine, pods[i])
		} else if _, ok := desired.Ordinal(c.Name, pods[i].Name); ok {
			strangers = append(strangers, pods[i])
		}
	}
	return mine, strangers
}

// blockedTrouble: strangers have the names of pods that are asked for, which the
// StatefulSet cannot make while they are there. One that is going does so by itself.
func blockedTrouble(seen *observation) *trouble {
	var inTheWay []corev1.Pod
	stay := false
	for i := range seen.strangers {
		p := &seen.strangers[i]
		if ordinal, ok := desired.Ordinal(seen.cluster.Name, p.Name); ok && ordinal < desired.Replicas(seen.cluster) {
			inTheWay = append(inTheWay, *p)
			stay = stay || p.DeletionTimestamp.IsZero()
		}
	}
	t := strangers(seen.cluster, inTheWay)
	if t != nil {
		t.stalls = stay
	}
	return t
}

// strangerTrouble: pods look like members that are not asked for, which hinders
// nothing yet.
func strangerTrouble(seen *observation) *trouble {
	t := strangers(seen.cluster, seen.strangers)
	if t != nil {
		t.aside = true
	}
	return t
}

// strangers names the pods that have a member's label and name and are none.
func strangers(c *v1alpha1.SIPCluster, pods []corev1.Pod) *trouble {
	if len(pods) == 0 {
		return nil
	}
	var told []string
	for i := range pods {
		p := &pods[i]
		holder := "nobody"
		if by := metav1.GetControllerOf(p); by != nil {
			holder = fmt.Sprintf("%s %s of another time (%s)", by.Kind, by.Name, by.UID)
		}
		told = append(told, fmt.Sprintf("%s belongs to %s", p.Name, holder))
	}
	return &trouble{reason: v1alpha1.ReasonForeignPod, message: fmt.Sprintf("pods that are no members have the label %s=%s and a member's name: %s; remove them",
		config.LabelCluster, c.Name, strings.Join(told, ", "))}
}

package controllers_test

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// TestMemberSetKeepsItsMetadata: what the ConfigMap of the member set is found by, and
// what it inherits, does not wait for the next set.
func TestMemberSetKeepsItsMetadata(t *testing.T) {
	relabel := func(change func(*corev1.ConfigMap)) func(*bench) {
		return func(b *bench) {
			cm := &corev1.ConfigMap{}
			b.get("ring-members", cm)
			change(cm)
			b.ok(b.client.Update(b.Context(), cm))
		}
	}
	inherit := func(labels map[string]string) func(*bench) {
		return func(b *bench) {
			b.edit(func(s *v1alpha1.SIPClusterSpec) { s.InheritedMetadata = &v1alpha1.InheritedMetadata{Labels: labels} })
		}
	}
	tests := map[string]struct {
		change func(*bench)
		labels map[string]string // that it inherits afterwards
	}{
		"our label removed":          {relabel(func(cm *corev1.ConfigMap) { delete(cm.Labels, config.LabelCluster) }), map[string]string{"team": "voice"}},
		"our label changed":          {relabel(func(cm *corev1.ConfigMap) { cm.Labels[config.LabelCluster] = "other" }), map[string]string{"team": "voice"}},
		"all labels removed":         {relabel(func(cm *corev1.ConfigMap) { cm.Labels = nil }), map[string]string{"team": "voice"}},
		"an inherited label removed": {relabel(func(cm *corev1.ConfigMap) { delete(cm.Labels, "team") }), map[string]string{"team": "voice"}},
		"an annotation changed":      {relabel(func(cm *corev1.ConfigMap) { cm.Annotations["example.com/owner"] = "nobody" }), map[string]string{"team": "voice"}},
		"the owner removed":          {relabel(func(cm *corev1.ConfigMap) { cm.OwnerReferences = nil }), map[string]string{"team": "voice"}},
		"the owner no controller":    {relabel(func(cm *corev1.ConfigMap) { cm.OwnerReferences[0].Controller = nil }), map[string]string{"team": "voice"}},
		"the owner blocks nothing":   {relabel(func(cm *corev1.ConfigMap) { cm.OwnerReferences[0].BlockOwnerDeletion = nil }), map[string]string{"team": "voice"}},
		"another label inherited":    {inherit(map[string]string{"team": "data"}), map[string]string{"team": "data"}},
		"none inherited any more":    {inherit(nil), map[string]string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.create(func(c *v1alpha1.SIPCluster) {
				c.Spec.InheritedMetadata = &v1alpha1.InheritedMetadata{
					Labels: map[string]string{"team": "voice"}, Annotations: map[string]string{"example.com/owner": "telephony"},
				}
			})
			b.settle()
			before, was := b.members(), &corev1.ConfigMap{}
			b.get("ring-members", was)
			tt.change(b)
			b.ok(b.reconcile())
			now := &corev1.ConfigMap{}
			b.get("ring-members", now)
			want := maps.Clone(was.Labels)
			delete(want, "team")
			maps.Copy(want, tt.labels)
			inherited := b.cluster().Spec.InheritedMetadata
			if !maps.Equal(now.Labels, want) || !maps.Equal(now.Annotations, inherited.Annotations) {
				t.Errorf("labels %v, annotations %v, want %v, %v", now.Labels, now.Annotations, want, inherited.Annotations)
			}
			if len(now.OwnerReferences) != 1 || !metav1.IsControlledBy(now, b.cluster()) || now.OwnerReferences[0].BlockOwnerDeletion == nil {
				t.Errorf("owners %v", now.OwnerReferences)
			}
			if after := b.members(); after.Epoch != before.Epoch || !after.Equal(before) {
				t.Errorf("epoch %d after %d: the set did not change", after.Epoch, before.Epoch)
			}
		})
	}
}

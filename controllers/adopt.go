package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// adopt makes an object that is there the cluster's own, if it is not: one that
// nobody controls and that has all of our labels, as is left when a SIPCluster is
// deleted without its objects, or after a restore without owners. Any other is a
// ForeignError. What an earlier SIPCluster of the name still controls is one too:
// the garbage collector is about to take it, or has taken half of it.
func (r *Reconciler) adopt(ctx context.Context, c *v1alpha1.SIPCluster, kind string, o client.Object) error {
	if metav1.IsControlledBy(o, c) {
		return nil
	}
	if !orphaned(c, o) {
		return foreign(kind, o)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": o.GetResourceVersion(), // of somebody who adopts it meanwhile it is not ours
		"ownerReferences": append(o.GetOwnerReferences(), ownerOf(c)),
	}})
	if err != nil {
		return err
	}
	if err := r.client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(desired.FieldOwner)); err != nil {
		return fmt.Errorf("adopt %s %s: %w", kind, o.GetName(), err)
	}
	ctrl.LoggerFrom(ctx).Info("Adopted an object that nobody owned", "kind", kind, "name", o.GetName())
	r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventAdopted, "Adopt", "%s %s had our labels and no owner: it is carried on", kind, o.GetName())
	return nil
}

// orphaned says that the object was an operator's, for a cluster of the name, and
// that nobody controls it.
func orphaned(c *v1alpha1.SIPCluster, o client.Object) bool {
	if metav1.GetControllerOfNoCopy(o) != nil {
		return false
	}
	have := o.GetLabels()
	for key, value := range desired.Labels(c.Name) {
		if have[key] != value {
			return false
		}
	}
	return true
}

// recordAdopted is the record by a ConfigMap that this process did not write. A
// set that was signed for an earlier SIPCluster of the name, with the keys that
// this one goes on with, is carried on; it is signed for this one when it is
// published next.
func (r *Reconciler) recordAdopted(ctx context.Context, c *v1alpha1.SIPCluster, cm *corev1.ConfigMap, by *signer) (record, error) {
	known := recordOf(c, cm, by)
	if cm == nil || known.set != nil {
		return known, nil
	}
	identity, err := r.earlierIdentity(ctx, c)
	if err != nil || identity == "" {
		return known, err
	}
	return recordOf(c, cm, &signer{identity: identity, keys: by.keys}), nil
}

// earlierIdentity is for whom the proxies believe sets at present, if that is a
// SIPCluster of the name; empty where they are told of none.
func (r *Reconciler) earlierIdentity(ctx context.Context, c *v1alpha1.SIPCluster) (string, error) {
	cm, err := found(ctx, r.live, c.Namespace, desired.TrustName(c.Name), &corev1.ConfigMap{})
	if err != nil || cm == nil {
		return "", err
	}
	trust, err := config.ParseTrust([]byte(cm.Data[config.TrustKey]))
	if err != nil || !strings.HasPrefix(trust.Cluster, c.Namespace+"/"+c.Name+"/") {
		return "", nil //nolint:nilerr // it is written anew
	}
	return trust.Cluster, nil
}

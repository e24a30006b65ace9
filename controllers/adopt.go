package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// adoption knows whose an object is, and takes over what an earlier SIPCluster of the
// name left behind.
type adoption struct {
	client   client.Client
	live     client.Reader
	recorder events.EventRecorder
}

// adopt makes an object that is there the cluster's own, if it is not: one that
// nobody controls and that has all of our labels, as is left when a SIPCluster is
// deleted without its objects, or after a restore without owners. Any other is a
// ForeignError. What an earlier SIPCluster of the name still controls is one too:
// the garbage collector is about to take it, or has taken half of it.
func (a *adoption) adopt(ctx context.Context, c *v1alpha1.SIPCluster, kind string, o client.Object) error {
	if metav1.IsControlledBy(o, c) {
		return nil
	}
	if !orphaned(c, o) {
		return foreign(c, kind, o)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": o.GetResourceVersion(), // of somebody who adopts it meanwhile it is not ours
		"ownerReferences": append(otherOwners(c, o), ownerOf(c)),
	}})
	if err != nil {
		return err
	}
	if err := a.client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(desired.FieldOwner)); err != nil {
		return fmt.Errorf("adopt %s %s: %w", kind, o.GetName(), err)
	}
	ctrl.LoggerFrom(ctx).Info("Adopted an object that nobody owned", "kind", kind, "name", o.GetName())
	a.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventAdopted, "Adopt", "%s %s had our labels and no owner: it is carried on", kind, o.GetName())
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

// otherOwners are the object's without the cluster, which is no controller there.
func otherOwners(c *v1alpha1.SIPCluster, o client.Object) []metav1.OwnerReference {
	return slices.DeleteFunc(slices.Clone(o.GetOwnerReferences()), func(by metav1.OwnerReference) bool { return by.UID == c.UID })
}

// holder fills current from the cache and says whether it is there. An object
// that is not in the cache may still exist without our label: then the API
// server knows whose it is. One that nobody owns any more is adopted, and one of
// somebody else is a ForeignError.
func (a *adoption) holder(ctx context.Context, c *v1alpha1.SIPCluster, current client.Object, kind, name string) (bool, error) {
	key := client.ObjectKey{Namespace: c.Namespace, Name: name}
	err := a.client.Get(ctx, key, current)
	if err == nil {
		return true, a.adopt(ctx, c, kind, current)
	}
	if !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("get %s %s: %w", kind, name, err)
	}
	gvk, err := apiutil.GVKForObject(current, a.client.Scheme())
	if err != nil {
		return false, err
	}
	unseen := &metav1.PartialObjectMetadata{}
	unseen.SetGroupVersionKind(gvk)
	if err := a.live.Get(ctx, key, unseen); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return false, a.adopt(ctx, c, kind, unseen)
}

// foreign is the error of an object that belongs to somebody else than the cluster.
func foreign(c *v1alpha1.SIPCluster, kind string, o client.Object) error {
	e := &ForeignError{Kind: kind, Name: o.GetName(), Holder: "nobody"}
	if by := metav1.GetControllerOf(o); by != nil {
		e.Holder = fmt.Sprintf("%s %s (%s)", by.Kind, by.Name, by.UID)
		e.Needed = by.Kind == v1alpha1.Kind && by.Name != c.Name
	}
	return e
}

// ForeignError says that an object a cluster needs belongs to somebody else. Needed: to
// another SIPCluster, which would make it again.
type ForeignError struct {
	Kind, Name, Holder string
	Needed             bool
}

func (e *ForeignError) Error() string {
	mend := "remove it, or give the SIPCluster another name"
	if e.Needed {
		mend = "give one of the two SIPClusters another name"
	}
	return fmt.Sprintf("%s %s exists and belongs to %s: %s", e.Kind, e.Name, e.Holder, mend)
}

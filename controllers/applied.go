package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// applyConfiguration is what the builders of package desired return.
type applyConfiguration interface {
	runtime.ApplyConfiguration
	GetKind() *string
	GetName() *string
}

// applied remembers, by cluster and object, what was applied and the version
// that it gave: the same onto the same need not be applied again.
type applied struct {
	mu   sync.Mutex
	last map[types.NamespacedName]map[string]application
}

type application struct {
	content         [sha256.Size]byte
	resourceVersion string
	generation      int64
}

func newApplied() *applied { return &applied{last: map[types.NamespacedName]map[string]application{}} }

// covers says that nothing new is to be applied: the content is the same, and
// nobody has changed the object since.
func (a *applied) covers(cluster types.NamespacedName, object string, content [sha256.Size]byte, resourceVersion string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, ok := a.last[cluster][object]
	if !ok || last.content != content {
		return false
	}
	age, err := resourceversion.CompareResourceVersion(resourceVersion, last.resourceVersion)
	return err == nil && age <= 0 // below 0 the cache is behind our own write
}

func (a *applied) remember(cluster types.NamespacedName, object string, now application) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last[cluster] == nil {
		a.last[cluster] = map[string]application{}
	}
	a.last[cluster][object] = now
}

// generation is the object's as it was applied last; 0 where this process did not.
func (a *applied) generation(cluster types.NamespacedName, object string) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last[cluster][object].generation
}

func (a *applied) forget(cluster types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.last, cluster)
}

// applyOne applies the object unless it is as wanted already or belongs to
// somebody else. current is an empty object of the same kind.
func (r *Reconciler) applyOne(ctx context.Context, c *v1alpha1.SIPCluster, current client.Object, want applyConfiguration) error {
	object := *want.GetKind() + "/" + *want.GetName()
	text, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("%s: %w", object, err)
	}
	content, key := sha256.Sum256(text), client.ObjectKeyFromObject(c)
	exists, err := r.holder(ctx, c, current, *want.GetKind(), *want.GetName())
	if err != nil {
		return err
	}
	if exists && r.applied.covers(key, object, content, current.GetResourceVersion()) {
		return nil
	}
	if err := r.client.Apply(ctx, want, client.FieldOwner(desired.FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply %s: %w", object, err)
	}
	after := &metav1.PartialObjectMetadata{}
	if err := convert(want, after); err != nil {
		return fmt.Errorf("%s: %w", object, err)
	}
	r.applied.remember(key, object, application{content, after.ResourceVersion, after.Generation})
	return nil
}

// holder fills current from the cache and says whether it is there. An object
// that is not in the cache may still exist without our label: then the API
// server knows whose it is. One that nobody owns any more is adopted, and one of
// somebody else is a ForeignError.
func (r *Reconciler) holder(ctx context.Context, c *v1alpha1.SIPCluster, current client.Object, kind, name string) (bool, error) {
	key := client.ObjectKey{Namespace: c.Namespace, Name: name}
	err := r.client.Get(ctx, key, current)
	if err == nil {
		return true, r.adopt(ctx, c, kind, current)
	}
	if !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("get %s %s: %w", kind, name, err)
	}
	gvk, err := apiutil.GVKForObject(current, r.client.Scheme())
	if err != nil {
		return false, err
	}
	unseen := &metav1.PartialObjectMetadata{}
	unseen.SetGroupVersionKind(gvk)
	if err := r.live.Get(ctx, key, unseen); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return false, r.adopt(ctx, c, kind, unseen)
}

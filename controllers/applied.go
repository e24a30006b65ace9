package controllers

import (
	"crypto/sha256"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

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

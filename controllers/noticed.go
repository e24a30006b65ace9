package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// noticed keeps, by cluster, when the oldest news came in that no pass has acted
// on yet. It feeds the measured time from news to published set.
type noticed struct {
	// elected is closed once this process leads; news before that is old news
	// by then. nil: it leads from the start.
	elected <-chan struct{}

	mu sync.Mutex
	at map[types.NamespacedName]time.Time
}

func newNoticed(elected <-chan struct{}) *noticed {
	return &noticed{elected: elected, at: map[types.NamespacedName]time.Time{}}
}

func (n *noticed) note(key types.NamespacedName, now time.Time) {
	if n.elected != nil {
		select {
		case <-n.elected:
		default:
			return
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.at[key]; !ok {
		n.at[key] = now
	}
}

// take is the time, and forgets it; zero where there is no news.
func (n *noticed) take(key types.NamespacedName) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.at[key]
	delete(n.at, key)
	return at
}

// putBack undoes take: the pass failed.
func (n *noticed) putBack(key types.NamespacedName, at time.Time) {
	if at.IsZero() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at[key] = at
}

func (n *noticed) forget(key types.NamespacedName) { n.take(key) }

package controllers_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// lines are what the operators log, and their libraries, by a word that some test
// looks for.
type lines struct {
	mu sync.Mutex
	of map[string][]string
}

var logged = &lines{of: map[string][]string{}}

func (l *lines) logger() logr.Logger {
	return funcr.New(func(_, line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for word := range l.of {
			if strings.Contains(line, word) {
				l.of[word] = append(l.of[word], line)
			}
		}
	}, funcr.Options{})
}

// with are the lines with the word, from the first time that it is asked for.
func (l *lines) with(word string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := slices.Clone(l.of[word])
	l.of[word] = append(l.of[word], found[:0]...)
	return found
}

// refusals counts the requests of an operator that were refused.
type refusals struct {
	next http.RoundTripper
	n    *atomic.Int64
}

func (r refusals) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(q)
	if err == nil && answer.StatusCode == http.StatusForbidden {
		r.n.Add(1)
	}
	return answer, err
}

// TestNamespaceThatEnds: it refuses whatever is created, Events too, for as long as
// something in it is in the way. That is told once, and tried again seldom; who is in
// the ring, which is there, is still kept up to date.
func TestNamespaceThatEnds(t *testing.T) {
	b := newSerialBench(t)
	refused := &atomic.Int64{}
	b.wrap = func(next http.RoundTripper) http.RoundTripper { return refusals{next, refused} }
	b.operator()
	b.create()
	for i := range 3 {
		b.pod(i, ready)
	}
	b.awaitStates("0:active 1:active 2:active")
	b.await("Ready", func() (string, bool) { return b.inRing(), b.inRing() == "3/3" })
	logged.with(b.ns)
	refused.Store(0)
	b.ok(b.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.ns}}))
	objects := owned()
	b.fill(objects)
	for name, o := range objects {
		if name != "ConfigMap/ring-members" && name != "StatefulSet/ring" { // by which the pods are its own
			b.ok(client.IgnoreNotFound(b.client.Delete(t.Context(), o)))
		}
	}
	b.await("a condition", func() (string, bool) {
		c := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionDegraded)
		return c.Reason, c.Reason == v1alpha1.ReasonNamespaceTerminating
	})
	early := refused.Load()
	const flips = 10
	for range flips {
		b.podStatus(1, ended)
		b.awaitStates("0:active 1:joining 2:active")
		b.podStatus(1, ready)
		b.awaitStates("0:active 1:active 2:active")
	}
	var told []string
	for _, line := range logged.with(b.ns) {
		if strings.Contains(line, "being terminated") || strings.Contains(line, "is being deleted") || strings.Contains(line, "rror") {
			told = append(told, line)
		}
	}
	t.Logf("%d requests were refused at first, %d in %d passes after that; %d lines", early, refused.Load()-early, 2*flips, len(told))
	if late := refused.Load() - early; late > 2*flips/2 {
		t.Errorf("%d requests were refused in %d passes", late, 2*flips)
	}
	if len(told) > 5 {
		t.Errorf("%d lines about it:\n%s", len(told), strings.Join(told[:min(12, len(told))], "\n"))
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonNamespaceTerminating)
	b.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNamespaceTerminating)
	if meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionStalled) != nil {
		t.Error("it is told to be stalled")
	}
}

package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sipring/sipring/api/v1alpha1"
)

const (
	// endingAgain is after how long it is tried again to create something in a
	// namespace that is being deleted.
	endingAgain = time.Minute
	// maxRefusal bounds what is read of an answer to find out why it is a refusal.
	maxRefusal = 64 << 10
)

// endings are the namespaces that are being deleted, which take no new objects, for
// as long as something that is in them is in the way. It is safe for concurrent use.
type endings struct {
	now func() time.Time
	mu  sync.Mutex
	of  map[string]ending
}

// ending is when the API server said so first, and last.
type ending struct{ first, last time.Time }

func newEndings(now func() time.Time) *endings {
	return &endings{now: now, of: map[string]ending{}}
}

// endingError says that something is not created because its namespace ends.
type endingError struct{ namespace string }

func (e *endingError) Error() string {
	return fmt.Sprintf("namespace %s is being deleted and takes no new objects: look at its status for what is in the way of its end", e.namespace)
}

// isEnding finds that in an error, which may join several.
func isEnding(err error) bool {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) && slices.ContainsFunc(several.Unwrap(), isEnding) {
		return true
	}
	var known *endingError
	return errors.As(err, &known) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// check is an endingError where the namespace was found to end not long ago. After a
// while it is nil, so that somebody tries again.
func (es *endings) check(namespace string) error {
	es.mu.Lock()
	defer es.mu.Unlock()
	if e, ok := es.of[namespace]; ok && es.now().Sub(e.last) < endingAgain {
		return &endingError{namespace}
	}
	return nil
}

// note takes down that the API server said so, and logs it once.
func (es *endings) note(namespace string) {
	es.mu.Lock()
	defer es.mu.Unlock()
	e, known := es.of[namespace]
	e.last = es.now()
	if !known {
		e.first = e.last
		ctrl.Log.Info("The namespace is being deleted: nothing is created in it, and no Event is told", "namespace", namespace)
	}
	es.of[namespace] = e
}

// begun takes it back of a namespace in which the SIPCluster was created since, which
// is another one of the name.
func (es *endings) begun(c *v1alpha1.SIPCluster) {
	es.mu.Lock()
	defer es.mu.Unlock()
	if e, ok := es.of[c.Namespace]; ok && c.CreationTimestamp.After(e.first) {
		delete(es.of, c.Namespace)
	}
}

func (es *endings) forget(cluster types.NamespacedName) {
	es.mu.Lock()
	defer es.mu.Unlock()
	delete(es.of, cluster.Namespace)
}

// hear has the endings noted that the answers to the requests tell of, whoever made
// them.
func (es *endings) hear(next http.RoundTripper) http.RoundTripper { return hearing{next, es} }

type hearing struct {
	next    http.RoundTripper
	endings *endings
}

// RoundTrip implements http.RoundTripper.
func (h hearing) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := h.next.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusForbidden {
		return answer, err
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxRefusal)) // who reads it next meets the error again
	answer.Body = readAgain{io.MultiReader(bytes.NewReader(text), answer.Body), answer.Body}
	if namespace := namespaceOf(r.URL.Path); namespace != "" && bytes.Contains(text, []byte(corev1.NamespaceTerminatingCause)) {
		h.endings.note(namespace)
	}
	return answer, nil
}

// readAgain is a body of which a part was read already.
type readAgain struct {
	io.Reader
	io.Closer
}

// namespaceOf is the one that a path at the API server is in; empty: none.
func namespaceOf(path string) string {
	_, rest, ok := strings.Cut(path, "/namespaces/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// applyWhereItLasts applies, and has nothing else to say where the namespace ends: that
// things are missing there is no trouble of their own.
func (a *Applier) applyWhereItLasts(ctx context.Context, seen *observation) (faults []fault, held *hold) {
	err := a.endings.check(seen.cluster.Namespace)
	if err == nil {
		faults, held = a.objects.apply(ctx, seen)
		err = a.endings.check(seen.cluster.Namespace)
	}
	if err != nil {
		return []fault{classify(err, "")}, nil
	}
	return faults, held
}

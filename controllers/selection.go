package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

const (
	// letGoAfter is for how long a Secret must not be among those that are selected before
	// the pods are made without it: whoever replaces one deletes it first.
	letGoAfter = 10 * time.Second
	// maxMatching bounds the Secrets that are listed.
	maxMatching = 2 * config.MaxCredentialFiles
)

// selections find which Secrets of credentials SIPClusters select by labels. Listing
// Secrets is a right that the operator may have in some namespaces, or in none. It does
// not watch them, and lists their metadata alone, when credentials looks as well.
type selections struct {
	live client.Reader
	now  func() time.Time

	mu   sync.Mutex
	last map[types.NamespacedName]matched
}

// matched is what one SIPCluster selects. It is not changed once it is in selections.
type matched struct {
	selector string
	known    bool
	names    []string             // in force, sorted
	gone     map[string]time.Time // of these, since when they are not selected any more
	wrong    *trouble             // that the last look found
}

func newSelections(live client.Reader, now func() time.Time) *selections {
	return &selections{live: live, now: now, last: map[types.NamespacedName]matched{}}
}

func (ss *selections) forget(key types.NamespacedName) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.last, key)
}

// find notes in seen what is selected, or why that is not known, and returns what is
// wrong with it. It lists Secrets if look says that there is time, or nothing is known.
// Where that fails what was selected before stands.
func (ss *selections) find(ctx context.Context, seen *observation, look bool) (*trouble, error) {
	key := client.ObjectKeyFromObject(seen.cluster)
	by := desired.SecretSelector(seen.cluster)
	if by == nil {
		ss.forget(key)
		return nil, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		seen.unselected = &credentialsError{fmt.Errorf("secretSelector of spec.authentication: %w", err)}
		return nil, nil // the step of the pods says it
	}
	is, ok := ss.before(seen, selector.String())
	if look || !ok {
		is, err = ss.list(ctx, seen.cluster, selector, is)
		ss.mu.Lock()
		ss.last[key] = is
		ss.mu.Unlock()
	}
	seen.selected = is.names
	switch {
	case is.known:
		return is.wrong, err
	case err != nil:
		seen.unselected = err
		return nil, err
	}
	seen.unselected = &credentialsError{errors.New(is.wrong.message)}
	return nil, nil
}

// before is what was selected when it was looked last, ok unless that has to be found out:
// a process that has just begun has it from the pods, if these were made for this spec.
func (ss *selections) before(seen *observation, selector string) (is matched, ok bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if is, ok = ss.last[client.ObjectKeyFromObject(seen.cluster)]; ok && is.selector == selector {
		return is, is.known
	}
	is = matched{selector: selector}
	if seen.statefulSet != nil {
		if made := rolloutOf(seen.statefulSet); made.Spec == specDigest(seen.cluster) {
			is.known, is.names = true, made.Selected
		}
	}
	return is, false
}

// list is what is selected now.
func (ss *selections) list(ctx context.Context, c *v1alpha1.SIPCluster, by labels.Selector, before matched) (matched, error) {
	all := &metav1.PartialObjectMetadataList{}
	all.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	err := ss.live.List(ctx, all, client.InNamespace(c.Namespace), client.MatchingLabelsSelector{Selector: by}, client.Limit(maxMatching))
	now := before
	switch {
	case apierrors.IsForbidden(err):
		now.wrong = unsuitable("the operator may not list Secrets in namespace %s, which secretSelector of spec.authentication needs: "+
			"let it do so (rbac.secretSelectorNamespaces of its chart, or a Role with the verb list), or name the Secrets", c.Namespace)
		return now, nil
	case err != nil:
		return now, fmt.Errorf("list Secrets of namespace %s by their labels: %w", c.Namespace, err)
	}
	var matching []string
	for i := range all.Items {
		if name := all.Items[i].Name; !isKeys(c, &all.Items[i]) && !desired.Names(c, name) {
			matching = append(matching, name)
		}
	}
	slices.Sort(matching)
	tooMany := len(matching) > desired.MaxSelected || all.Continue != ""
	if all.Continue == "" || !before.known { // of some it cannot be seen that they are gone
		now.names, now.gone = before.follow(matching, ss.now())
	}
	now.known, now.wrong = true, nil
	switch {
	case tooMany:
		now.wrong = unsuitable("secretSelector of spec.authentication (%s) selects more than %d Secrets, and no more are mounted: %d are, and go on: "+
			"put users together, 1 MiB fits into one", by, desired.MaxSelected, len(now.names))
	case len(matching) == 0 && len(desired.CredentialSecrets(c)) == 0:
		now.names, now.gone, now.known = before.names, before.gone, len(before.names) > 0
		now.wrong = unsuitable("no Secret in namespace %s has the labels that secretSelector of spec.authentication asks for (%s): "+
			"label one. Until there is one pods stay as they are", c.Namespace, by)
	}
	return now, nil
}

func unsuitable(format string, args ...any) *trouble {
	return &trouble{reason: v1alpha1.ReasonCredentialsUnusable, stalls: true, message: fmt.Sprintf(format, args...)}
}

// isKeys reports whether a Secret is of the keys of a SIPCluster, whatever selects it.
func isKeys(c *v1alpha1.SIPCluster, secret *metav1.PartialObjectMetadata) bool {
	by := metav1.GetControllerOf(secret)
	return secret.Labels[config.LabelCluster] != "" || by != nil && by.Kind == v1alpha1.Kind ||
		secret.Name == desired.KeysName(c.Name) || secret.Name == desired.SignerName(c.Name)
}

// follow is what is in force, with since when some of it is not selected any more, where
// these match. What is in force comes before what is new, as long as it matches.
func (s *matched) follow(matching []string, now time.Time) (names []string, gone map[string]time.Time) {
	gone = map[string]time.Time{}
	for _, name := range s.names {
		since, was := s.gone[name]
		switch {
		case slices.Contains(matching, name):
			names = append(names, name)
		case !was:
			since = now
			fallthrough
		case now.Sub(since) < letGoAfter:
			names, gone[name] = append(names, name), since
		}
	}
	for _, name := range matching {
		if len(names) < desired.MaxSelected && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, gone
}

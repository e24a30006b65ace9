package controllers

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// credentials looks whether the Secrets that a part of the spec names or selects are there, with
// something in them. The operator may get Secrets, and not watch them: it looks in each
// pass that no news led to, which is every half a minute or so. What is in them it
// neither keeps nor tells.
type credentials struct {
	live client.Reader
	use  secretUse

	mu   sync.Mutex
	seen map[types.NamespacedName]map[string]secretSeen // by cluster and name
}

// secretUse is what a part of the spec has Secrets for.
type secretUse struct {
	secrets     func(seen *observation) []desired.NamedSecret
	named       func(c *v1alpha1.SIPCluster, secret string) bool // and not selected
	field       string                                           // that names them
	content     string                                           // to put into an empty one
	consequence string
	reason      string
	check       func(data map[string][]byte) map[string]string // what is wrong with keys; nil: nothing is looked at
}

// secretSeen is what there was of a Secret: of which version, its keys with whether
// something is in them, and what is wrong with what is. Zero: there was none.
type secretSeen struct {
	version  string
	keys     map[string]bool
	problems map[string]string
}

// newCredentials looks at those of users.
func newCredentials(live client.Reader) *credentials {
	return newSecretLook(live, secretUse{
		secrets: func(seen *observation) []desired.NamedSecret {
			return desired.CredentialSecrets(desired.WithSelected(seen.cluster, seen.selected))
		},
		named: desired.Names, field: "spec.authentication",
		content:     "lines into it that sipring password makes, under a key that does not begin with a dot",
		consequence: "Proxies that have read credentials go on with them, others know no user",
		reason:      v1alpha1.ReasonCredentialsUnusable,
	})
}

func newSecretLook(live client.Reader, use secretUse) *credentials {
	return &credentials{live: live, use: use, seen: map[types.NamespacedName]map[string]secretSeen{}}
}

func (cs *credentials) forget(key types.NamespacedName) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.seen, key)
}

func (cs *credentials) known(key types.NamespacedName) map[string]secretSeen {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.seen[key]
}

// find is what is wrong with the Secrets; nil where nothing is. Those that were seen
// before are asked for again if look says that there is time. Where the API server says
// an error, what was seen before stands, and it comes with it.
func (cs *credentials) find(ctx context.Context, seen *observation, look bool) (*trouble, error) {
	c := seen.cluster
	key := client.ObjectKeyFromObject(c)
	before, now := cs.known(key), map[string]secretSeen{}
	var wrong []string
	var failed error
	for _, s := range cs.use.secrets(seen) {
		is, known := before[s.Name]
		if failed == nil && (look || !known) {
			if is, failed = cs.ask(ctx, client.ObjectKey{Namespace: c.Namespace, Name: s.Name}, is); failed == nil {
				known = true
			}
		}
		if !known {
			continue
		}
		now[s.Name] = is
		if problem := is.lacks(&s, &cs.use, cs.use.named(c, s.Name)); problem != "" {
			wrong = append(wrong, problem)
		}
	}
	cs.mu.Lock()
	cs.seen[key] = now
	cs.mu.Unlock()
	if len(wrong) == 0 {
		return nil, failed
	}
	return &trouble{reason: cs.use.reason, stalls: true, message: strings.Join(wrong, "; ") + ". " + cs.use.consequence}, failed
}

// ask is what there is of a Secret, with an error what there was. Its content, of up to
// 1 MiB, is fetched where it is another than it was.
func (cs *credentials) ask(ctx context.Context, key client.ObjectKey, was secretSeen) (secretSeen, error) {
	head := &metav1.PartialObjectMetadata{}
	head.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := cs.live.Get(ctx, key, head)
	secret := &corev1.Secret{}
	if err == nil && versionOf(head) != was.version {
		err = cs.live.Get(ctx, key, secret)
	}
	switch {
	case apierrors.IsNotFound(err):
		return secretSeen{}, nil
	case err != nil:
		return was, fmt.Errorf("get Secret %s: %w", key, err)
	case secret.Name == "":
		return was, nil
	}
	seen := secretSeen{version: versionOf(secret), keys: map[string]bool{}}
	for name, value := range secret.Data {
		seen.keys[name] = len(bytes.TrimSpace(value)) > 0
	}
	if cs.use.check != nil {
		seen.problems = cs.use.check(secret.Data)
	}
	return seen, nil
}

func versionOf(o client.Object) string { return string(o.GetUID()) + "/" + o.GetResourceVersion() }

// lacks says what of the Secret is not as it has to be, and what to do. One that is not
// named, but selected, and gone is no trouble: it is let go.
func (s *secretSeen) lacks(want *desired.NamedSecret, use *secretUse, named bool) string {
	which := fmt.Sprintf("the Secret %s, which %s selects,", want.Name, use.field)
	if named {
		which = fmt.Sprintf("the Secret %s, which %s names,", want.Name, use.field)
	}
	if s.version == "" {
		if !named {
			return ""
		}
		return which + " is not there: create it in the SIPCluster's namespace"
	}
	for _, key := range want.Keys {
		filled, there := s.keys[key]
		switch {
		case !there:
			return fmt.Sprintf("the Secret %s has no key %s, which %s names: add it, or name another", want.Name, key, use.field)
		case !filled:
			return fmt.Sprintf("%s of %s is empty: fill it", key, which)
		}
	}
	for _, key := range want.Keys {
		if problem := s.problems[key]; problem != "" {
			return which + " cannot be used: " + problem
		}
	}
	if len(want.Keys) == 0 && !s.hasLines() {
		return which + " is empty: put " + use.content
	}
	return ""
}

// hasLines reports whether the proxies find something in it: they pass over keys that
// begin with a dot.
func (s *secretSeen) hasLines() bool {
	for key, filled := range s.keys {
		if filled && !strings.HasPrefix(key, ".") {
			return true
		}
	}
	return false
}

package controllers

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// signer signs the member sets of one cluster. Its keys are in a Secret that no pod
// mounts and that the proxies' account may not read.
type signer struct {
	identity string
	keys     *config.Keys
	// fresh: the keys were made by this process and have signed nothing yet. What
	// is published then was signed by nobody, or with keys that are lost.
	fresh bool
	// made is when the first of the keys was.
	made time.Time
}

// believes tells whether a published set is the operator's own.
func (s *signer) believes(set *config.MemberSet) bool {
	return s.fresh || s.keys.Trust(s.identity).Believes(set)
}

// covers tells whether the set has the signature of every key, and no others: who
// knows only one of them believes it, and a key that is gone is seen no more.
func (s *signer) covers(set *config.MemberSet) bool {
	if len(set.Signatures) != len(s.keys.Keys) {
		return false
	}
	return !slices.ContainsFunc(s.keys.Trust(s.identity).Keys, func(key []byte) bool {
		return !(&config.Trust{Cluster: s.identity, Keys: [][]byte{key}}).Believes(set)
	})
}

func (s *signer) sign(set *config.MemberSet) (*config.MemberSet, error) {
	return s.keys.Sign(s.identity, set)
}

// signers remembers the keys of each cluster: a failover does not wait for the API
// server to tell them again, and a Secret that is deleted is restored.
type signers struct {
	client client.Client
	live   client.Reader

	mu sync.Mutex
	by map[types.NamespacedName]signer
}

func newSigners(c client.Client, live client.Reader) *signers {
	return &signers{client: c, live: live, by: map[types.NamespacedName]signer{}}
}

func (ss *signers) of(c *v1alpha1.SIPCluster) *signer {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s, ok := ss.by[client.ObjectKeyFromObject(c)]; ok && s.identity == desired.Identity(c) {
		return &s
	}
	return nil
}

func (ss *signers) remember(c *v1alpha1.SIPCluster, s signer) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.by[client.ObjectKeyFromObject(c)] = s
}

func (ss *signers) forget(key types.NamespacedName) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.by, key)
}

// find is who signs the cluster's sets. What is remembered serves unless look says
// that there is time to ask the API server, and also where that says an error, which
// comes with it then.
func (ss *signers) find(ctx context.Context, c *v1alpha1.SIPCluster, look bool) (*signer, error) {
	known := ss.of(c)
	if known != nil && !look {
		return known, nil
	}
	secret, err := found(ctx, ss.live, c.Namespace, desired.SignerName(c.Name), &corev1.Secret{})
	if err != nil {
		return known, err
	}
	if secret == nil {
		return ss.create(ctx, c, known)
	}
	if by := metav1.GetControllerOf(secret); by != nil && by.UID != c.UID {
		return known, foreign(c, "Secret", secret)
	}
	keys, err := config.ParseKeys(secret.Data[config.SignerKey])
	if err != nil {
		return known, &keysError{fmt.Errorf("%s of Secret %s: %w: restore it, or delete it for new ones", config.SignerKey, secret.Name, err)}
	}
	now := signer{identity: desired.Identity(c), keys: keys}
	now.made = madeAt(secret, config.SignerKey, keys.Trust(now.identity).Names())
	now.fresh = known != nil && known.fresh && reflect.DeepEqual(known.keys, keys)
	ss.remember(c, now)
	return &now, nil
}

// create makes the Secret, with the keys of before if they are known: then the
// proxies trust them already.
func (ss *signers) create(ctx context.Context, c *v1alpha1.SIPCluster, known *signer) (*signer, error) {
	made := signer{identity: desired.Identity(c), keys: config.NewKeys(), fresh: true}
	if known != nil {
		made = *known
		ctrl.LoggerFrom(ctx).Info("Restoring the Secret of the keys that sign member sets", "secret", desired.SignerName(c.Name))
	}
	secret, err := desired.SignerSecret(c, made.keys)
	if err != nil {
		return known, err
	}
	if made.fresh {
		carriedOut(c, secret)
	}
	if err := ss.client.Create(ctx, secret, client.FieldOwner(desired.FieldOwner)); err != nil {
		return known, err
	}
	if made.made.IsZero() { // not restored
		made.made = secret.CreationTimestamp.Time
	}
	ss.remember(c, made)
	return &made, nil
}

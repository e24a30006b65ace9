package controllers

import (
	"context"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// epochGap is added to the last epoch known from elsewhere when the record is
// lost or damaged: that epoch may be a little behind, and proxies ignore a set
// that is older than theirs.
const epochGap = 1000

// maxUnsigned bounds the epoch that is taken over from a set whose keys are lost,
// which anybody may have written: enough is left above.
const maxUnsigned = config.MaxEpoch / 2

// record is the published member set as a pass knows it.
type record struct {
	// set is nil where none was published or it cannot be read.
	set *config.MemberSet
	// resourceVersion of the ConfigMap that holds it; empty where there is none.
	resourceVersion string
	// floor is the highest epoch that may have been published.
	floor uint64
}

// records finds the published member sets, and remembers those that this process
// wrote or, where another leader did, went by last: the cache may still hold the one
// before, and somebody may damage what was written. It is safe for concurrent use.
type records struct {
	client   client.Client
	live     client.Reader
	adoption *adoption

	mu   sync.Mutex
	last map[types.NamespacedName]written
}

type written struct {
	owner           types.UID
	set             *config.MemberSet
	resourceVersion string
}

func newRecords(c client.Client, live client.Reader, adoption *adoption) *records {
	return &records{client: c, live: live, adoption: adoption, last: map[types.NamespacedName]written{}}
}

func (rs *records) of(c *v1alpha1.SIPCluster) (written, bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	w, ok := rs.last[client.ObjectKeyFromObject(c)]
	return w, ok && w.owner == c.UID
}

func (rs *records) remember(c *v1alpha1.SIPCluster, set *config.MemberSet, resourceVersion string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.last[client.ObjectKeyFromObject(c)] = written{c.UID, set, resourceVersion}
}

func (rs *records) forget(key types.NamespacedName) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.last, key)
}

// find is the published member set. One that the operator did not sign is as
// good as damaged.
func (rs *records) find(ctx context.Context, c *v1alpha1.SIPCluster, by *signer) (record, error) {
	cm, err := found(ctx, rs.client, c.Namespace, desired.MembersName(c.Name), &corev1.ConfigMap{})
	if err != nil {
		return record{}, err
	}
	if cm == nil { // not there, not in the cache yet, or without our label
		if cm, err = found(ctx, rs.live, c.Namespace, desired.MembersName(c.Name), &corev1.ConfigMap{}); err != nil {
			return record{}, err
		}
	}
	if cm != nil {
		if err := rs.adoption.adopt(ctx, c, "ConfigMap", cm); err != nil {
			return record{}, err
		}
	}
	mine, ok := rs.of(c)
	if !ok {
		return rs.adopted(ctx, c, cm, by)
	}
	known := recordBeside(cm, mine, by)
	if known.set.Epoch > mine.set.Epoch {
		rs.remember(c, known.set, known.resourceVersion)
	}
	return known, nil
}

// adopted is the record by a ConfigMap that this process did not write. A
// set that was signed for an earlier SIPCluster of the name, with the keys that
// this one goes on with, is carried on; it is signed for this one when it is
// published next.
func (rs *records) adopted(ctx context.Context, c *v1alpha1.SIPCluster, cm *corev1.ConfigMap, by *signer) (record, error) {
	known := recordOf(c, cm, by)
	if cm == nil || known.set != nil {
		return known, nil
	}
	identity, err := rs.earlierIdentity(ctx, c)
	if err != nil || identity == "" {
		return known, err
	}
	return recordOf(c, cm, &signer{identity: identity, keys: by.keys}), nil
}

// earlierIdentity is for whom the proxies believe sets at present, if that is a
// SIPCluster of the name; empty where they are told of none.
func (rs *records) earlierIdentity(ctx context.Context, c *v1alpha1.SIPCluster) (string, error) {
	cm, err := found(ctx, rs.live, c.Namespace, desired.TrustName(c.Name), &corev1.ConfigMap{})
	if err != nil || cm == nil {
		return "", err
	}
	trust, err := config.ParseTrust([]byte(cm.Data[config.TrustKey]))
	if err != nil || !strings.HasPrefix(trust.Cluster, c.Namespace+"/"+c.Name+"/") {
		return "", nil //nolint:nilerr // it is written anew
	}
	return trust.Cluster, nil
}

// ringSeed is the cluster's for its life. The status has it, which nobody else
// writes; failing that the published set. A cluster that published before there
// were seeds has none; one that never did gets a new one.
// agreed is what the running members have, if both are lost.
func ringSeed(c *v1alpha1.SIPCluster, known record, agreed ring.Seed) ring.Seed {
	var s ring.Seed
	switch {
	case c.Status.RingSeed != "" && s.UnmarshalText([]byte(c.Status.RingSeed)) == nil:
		return s
	case known.set != nil:
		return known.set.Ring.Seed
	case !agreed.IsZero():
		return agreed
	case c.Status.Epoch > 0:
		return ring.Seed{}
	}
	return config.NewSeed()
}

// recordOf is the record by the ConfigMap alone: this process wrote none yet.
func recordOf(c *v1alpha1.SIPCluster, cm *corev1.ConfigMap, by *signer) record {
	published := uint64(max(c.Status.Epoch, 0))
	if cm == nil {
		if published == 0 {
			return record{}
		}
		return record{floor: published + epochGap}
	}
	set, err := config.ParseMemberSet([]byte(cm.Data[config.MembersKey]))
	if err != nil || !by.believes(set) || by.fresh && set.Epoch > maxUnsigned {
		return record{resourceVersion: cm.ResourceVersion, floor: published + epochGap}
	}
	return record{set: set, resourceVersion: cm.ResourceVersion, floor: published}
}

// recordBeside weighs the ConfigMap against what this process wrote last. A
// later epoch is another leader's, of the same mind as this one but for what it
// has heard: it stands, and is changed only where the pods say so. What is not
// later, or not signed, was written by nobody who leads: our set stands, and is
// published again above it.
func recordBeside(cm *corev1.ConfigMap, mine written, by *signer) record {
	if cm == nil {
		return record{set: mine.set, floor: mine.set.Epoch + epochGap}
	}
	age, err := resourceversion.CompareResourceVersion(cm.ResourceVersion, mine.resourceVersion)
	if err == nil && age < 0 {
		return record{set: mine.set, resourceVersion: mine.resourceVersion, floor: mine.set.Epoch}
	}
	theirs, err := config.ParseMemberSet([]byte(cm.Data[config.MembersKey]))
	if err != nil {
		return record{set: mine.set, resourceVersion: cm.ResourceVersion, floor: mine.set.Epoch + epochGap}
	}
	if theirs.Equal(mine.set) { // whoever signed it
		return record{set: theirs, resourceVersion: cm.ResourceVersion, floor: mine.set.Epoch}
	}
	if theirs.Epoch > mine.set.Epoch && by.believes(theirs) {
		return record{set: theirs, resourceVersion: cm.ResourceVersion, floor: theirs.Epoch}
	}
	return record{set: mine.set, resourceVersion: cm.ResourceVersion, floor: mine.set.Epoch + 1}
}

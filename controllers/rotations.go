package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/rotation"
	"github.com/sipring/sipring/proxy/config"
)

// rotations rotate the keys of SIPClusters on request: those that the proxies share and
// those that sign member sets, at the same time, since neither concerns the other. Each
// pass makes a step at the most, decided by package rotation.
type rotations struct {
	client   client.Client
	live     client.Reader
	recorder events.EventRecorder
	now      func() time.Time
}

// rotated is how far the rotations of a cluster are; nil: as before.
type rotated struct {
	keys, signer *v1alpha1.KeysStatus
	// stuck is what they wait for in vain, if anything.
	stuck *trouble
}

// keyring is a Secret of keys.
type keyring struct {
	secret, file string
	// names of keys, as the annotation of the proxies' Leases has them.
	names      func(*config.Keys) []string
	annotation string
	// life is for how long what a key signed may be asked for.
	life time.Duration
	// used are the names of those that the operator itself goes by; nil: by none.
	used []string
	// was is how far the rotation was, by the status before; nil: none was asked for.
	was *v1alpha1.KeysStatus
}

// keyrings of the cluster: those of the proxies, and those that sign.
func keyrings(seen *observation) (shared, signing *keyring) {
	c := seen.cluster
	trusted := func(k *config.Keys) []string { return k.Trust(seen.signer.identity).Names() }
	shared = &keyring{
		secret: desired.KeysName(c.Name), file: config.KeysKey, names: (*config.Keys).Names,
		annotation: config.AnnotationKeys, life: tokenLife(c), was: c.Status.Keys,
	}
	signing = &keyring{
		secret: desired.SignerName(c.Name), file: config.SignerKey, names: trusted,
		annotation: config.AnnotationTrust, used: trusted(seen.signer.keys), was: c.Status.Signer,
	}
	return shared, signing
}

// tokenLife is how long a token leads somewhere, at most: it has the hour that it was
// made in.
func tokenLife(c *v1alpha1.SIPCluster) time.Duration {
	hours := c.Spec.TokenHours
	if hours == 0 {
		hours = config.DefaultTokenHours
	}
	return time.Duration(hours+1) * time.Hour
}

// keysRequest is what a SIPCluster asks of its keys: a rotation, and that one's hurry.
type keysRequest struct{ rotate, hurry string }

func keysAsked(c *v1alpha1.SIPCluster) keysRequest {
	return keysRequest{short(c.Annotations[v1alpha1.AnnotationRotateKeys]), short(c.Annotations[v1alpha1.AnnotationRetireKeysNow])}
}

// short is the request, or where it is longer than what is worth repeating its digest.
func short(request string) string {
	if len(request) <= 63 {
		return request
	}
	sum := sha256.Sum256([]byte(request))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// proceed makes the next steps, where it is time for them. A cluster that never asked
// for any costs nothing.
func (rs *rotations) proceed(ctx context.Context, seen *observation) (rotated, error) {
	c := seen.cluster
	var done rotated
	if c.Spec.Paused || keysAsked(c).rotate == "" && c.Status.Keys == nil && c.Status.Signer == nil {
		return done, nil
	}
	pods, err := rs.pods(ctx, seen)
	if err != nil {
		return done, err
	}
	shared, signing := keyrings(seen)
	var stuck [2]*trouble
	var errs [2]error
	done.keys, stuck[0], errs[0] = rs.step(ctx, c, shared, pods)
	done.signer, stuck[1], errs[1] = rs.step(ctx, c, signing, pods)
	done.stuck = firstOf(stuck[:]...)
	return done, errors.Join(errs[:]...)
}

// carriedOut notes in a Secret that is about to be made that what the SIPCluster asks
// for is done: its keys are new.
func carriedOut(c *v1alpha1.SIPCluster, secret *corev1.Secret) {
	if asked := keysAsked(c).rotate; asked != "" {
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, rotation.Annotation, rotation.Record{Request: asked}.String())
	}
}

// keyHolder is a pod whose proxy has keys, or may be about to.
type keyHolder struct {
	name string
	// says are the annotations of its own Lease.
	says map[string]string
}

// pods are those that may have keys, as the cache has them now: one that was made since
// the pass began counts too. What has no node reads the Secret when it has one.
func (rs *rotations) pods(ctx context.Context, seen *observation) ([]keyHolder, error) {
	c := seen.cluster
	mine := []client.ListOption{client.InNamespace(c.Namespace), client.MatchingLabels{config.LabelCluster: c.Name}}
	pods, leases := &corev1.PodList{}, &coordinationv1.LeaseList{}
	if err := rs.client.List(ctx, pods, mine...); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	if err := rs.client.List(ctx, leases, mine...); err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	sortPods(c.Name, pods.Items)
	own, _ := split(c, seen.statefulSet, seen.record.set, pods.Items)
	var holders []keyHolder
	for i := range own {
		p := &own[i]
		if p.Spec.NodeName == "" || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		holders = append(holders, keyHolder{p.Name, ownWords(p, leases.Items)})
	}
	return holders, nil
}

// ownWords are the annotations of the pod's Lease; none where that is of an earlier pod
// of the name.
func ownWords(p *corev1.Pod, leases []coordinationv1.Lease) map[string]string {
	for i := range leases {
		if leases[i].Name != p.Name {
			continue
		}
		for _, owner := range leases[i].OwnerReferences {
			if owner.Kind == "Pod" && owner.UID != p.UID {
				return nil
			}
		}
		return leases[i].Annotations
	}
	return nil
}

// step makes the next step of one Secret. Where that is missing, somebody else's or not
// to be used, it is told where the keys are used. Where somebody wrote over the whole of
// it the rotation has ended, as one request is one rotation: whatever keeps Secrets as
// they were would be fought for ever.
func (rs *rotations) step(ctx context.Context, c *v1alpha1.SIPCluster, ring *keyring, pods []keyHolder) (*v1alpha1.KeysStatus, *trouble, error) {
	secret, err := found(ctx, rs.live, c.Namespace, ring.secret, &corev1.Secret{})
	if err != nil || secret == nil {
		return nil, nil, err
	}
	if by := metav1.GetControllerOf(secret); by != nil && by.UID != c.UID {
		return nil, nil, nil
	}
	keys, err := config.ParseKeys(secret.Data[ring.file])
	if err != nil {
		return nil, nil, nil //nolint:nilerr // see above
	}
	asked, record := keysAsked(c), rotation.ParseRecord(secret.Annotations[rotation.Annotation])
	givenUp := false
	if record.Request == "" && ring.was != nil && ring.was.Request == asked.rotate {
		record.Request, givenUp = asked.rotate, ring.was.Phase != v1alpha1.KeysPhase(rotation.Current)
	}
	next := rotation.Next(rotation.Input{
		Keys: keys, Names: ring.names, Record: record,
		Request: asked.rotate, Hurry: asked.hurry, Life: ring.life, Proxies: ring.proxies(pods), Now: rs.now(),
	})
	if next.Write {
		if err := rs.write(ctx, secret, ring, &next); err != nil {
			return nil, nil, err
		}
	}
	if givenUp {
		next.Step = rotation.GivenUp
	}
	rs.tell(ctx, c, ring, &next)
	return ring.status(&next), ring.stuck(&next), nil
}

// proxies are the pods, and the operator itself where it uses the keys.
func (ring *keyring) proxies(pods []keyHolder) []rotation.Proxy {
	var proxies []rotation.Proxy
	for _, p := range pods {
		proxies = append(proxies, rotation.Proxy{Name: p.name, Keys: config.SplitKeyNames(p.says[ring.annotation])})
	}
	if ring.used != nil {
		proxies = append(proxies, rotation.Proxy{Name: "the operator", Keys: ring.used})
	}
	return proxies
}

// write changes the Secret as it was read, and no other.
func (rs *rotations) write(ctx context.Context, secret *corev1.Secret, ring *keyring, next *rotation.Result) error {
	text, err := next.Keys.Marshal()
	if err != nil {
		return err
	}
	after := secret.DeepCopy()
	if next.Step == rotation.Added || next.Step == rotation.Promoted || next.Step == rotation.Retired {
		after.Data[ring.file] = text
	}
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, rotation.Annotation, next.Record.String())
	patch := client.MergeFromWithOptions(secret, client.MergeFromWithOptimisticLock{})
	if err := rs.client.Patch(ctx, after, patch, client.FieldOwner(desired.FieldOwner)); err != nil {
		return fmt.Errorf("rotate the keys of Secret %s: %w", secret.Name, err)
	}
	return nil
}

// rotating is what the operator did when it told of keys.
const rotating = "RotateKeys"

// toldSteps are how steps are told.
var toldSteps = map[rotation.Step]struct{ severity, reason, note string }{
	rotation.Added:    {corev1.EventTypeNormal, v1alpha1.EventKeyAdded, "has a new key: it signs once every proxy has it"},
	rotation.Promoted: {corev1.EventTypeNormal, v1alpha1.EventKeyPromoted, "has the new key first: it signs"},
	rotation.Retired:  {corev1.EventTypeNormal, v1alpha1.EventKeysRetired, "no longer has the old keys"},
	rotation.Ended:    {corev1.EventTypeNormal, v1alpha1.EventKeysRotated, "is rotated: no proxy has the old keys any more"},
	rotation.GivenUp:  {corev1.EventTypeWarning, v1alpha1.EventKeyRotationGivenUp, "no longer has the new key, or the note of it, which somebody took out: it stays as it is until there is another request"},
}

func (rs *rotations) tell(ctx context.Context, c *v1alpha1.SIPCluster, ring *keyring, next *rotation.Result) {
	told, ok := toldSteps[next.Step]
	if !ok {
		return
	}
	ids := strings.Join(ring.names(next.Keys), ", ")
	ctrl.LoggerFrom(ctx).Info(told.reason, "secret", ring.secret, "ids", ids, "request", next.Record.Request)
	rs.recorder.Eventf(c, nil, told.severity, told.reason, rotating, "Secret %s %s (%s; request %q)", ring.secret, told.note, ids, next.Record.Request)
}

func (ring *keyring) status(next *rotation.Result) *v1alpha1.KeysStatus {
	return &v1alpha1.KeysStatus{
		Phase: v1alpha1.KeysPhase(next.Phase), Request: next.Record.Request, IDs: ring.names(next.Keys),
		RetireAt: timeOf(next.RetireAt), Since: timeOf(next.Record.Since),
	}
}

func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t}
}

// mostBehind bounds the pods that a message names.
const mostBehind = 5

// stuck is what the rotation waits for in vain.
func (ring *keyring) stuck(next *rotation.Result) *trouble {
	switch {
	case next.Full:
		return &trouble{reason: v1alpha1.ReasonKeyRotationStalled, message: fmt.Sprintf("a rotation is asked for, and Secret %s holds %d keys, which are the most: take out those that nobody needs (sipring keys --retire)", ring.secret, config.MaxKeys), stalls: true}
	case len(next.Behind) > 0:
		names := strings.Join(next.Behind[:min(len(next.Behind), mostBehind)], ", ")
		if more := len(next.Behind) - mostBehind; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		return &trouble{reason: v1alpha1.ReasonKeyRotationStalled, message: fmt.Sprintf("the rotation of Secret %s waits in phase %s since %s for %s: no report of the keys %s; look at its node and its log, or delete the pod",
			ring.secret, next.Phase, next.Record.Since.Format(time.RFC3339), names, strings.Join(next.Record.Keys, ", "))}
	}
	return nil
}

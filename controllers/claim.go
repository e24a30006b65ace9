package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

const (
	// claimEvery is how often a claim is renewed, or asked for again.
	claimEvery = 5 * time.Second
	// claimLasts is for how long a claim holds that nobody renews.
	claimLasts = 15 * time.Second
	// claimWait bounds a request about a claim.
	claimWait = 2 * time.Second
)

// annotationRival of a claim names the installation that wants the cluster too,
// and when it last said so.
const annotationRival = "sipring.io/rival"

// claim is what this process knows of one cluster's claim: a Lease in which an
// installation of the operator says that it carries the cluster out. The
// processes of one installation, of which one leads, have one identity, so that
// a successor goes on at once. Times are by this process's own clock.
type claim struct {
	owner metav1.OwnerReference
	lease *coordinationv1.Lease // as read or written last; nil: to be read
	began time.Time             // when it was first looked for

	holder sign // of another installation
	rival  sign // of one that wants it too
}

// sign of life of another installation: what it said last, and since when this
// process sees that.
type sign struct {
	who, said string
	since     time.Time
}

// see notes what is said, and tells whether it is lately that it changed.
func (s *sign) see(who, said string, now time.Time) (alive bool) {
	if s.who != who || s.said != said {
		*s = sign{who, said, now}
	}
	return who != "" && now.Sub(s.since) < claimLasts
}

// standing is who carries a cluster out.
type standing struct {
	// by is the other installation that does; empty: this one does.
	by string
	// rival is the other one that wants to; empty: none.
	rival string
}

// look reads the claim and makes it, renews it, takes it over from one that is
// gone, or leaves word that it is wanted.
func (cs *claims) look(ctx context.Context, key types.NamespacedName, c *claim) (standing, error) {
	ctx, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	v, err := cs.lookOnce(ctx, key, c)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) { // somebody wrote it meanwhile
		v, err = cs.lookOnce(ctx, key, c)
	}
	if err != nil {
		return standing{}, fmt.Errorf("claim of the cluster: %w", err)
	}
	return v, nil
}

func (cs *claims) lookOnce(ctx context.Context, key types.NamespacedName, c *claim) (standing, error) {
	lease := c.lease
	c.lease = nil // unless all goes well
	if lease == nil {
		var err error
		if lease, err = found(ctx, cs.live, key.Namespace, desired.ClaimName(key.Name), &coordinationv1.Lease{}); err != nil {
			return standing{}, err
		}
	}
	now := cs.now()
	switch {
	case lease == nil:
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: desired.ClaimName(key.Name),
		}}
		cs.take(c, lease, now)
		return standing{}, cs.written(c, lease, cs.client.Create(ctx, lease, client.FieldOwner(desired.FieldOwner)))
	case !heldByOther(lease, cs.identity):
		rival, at, _ := strings.Cut(lease.Annotations[annotationRival], " ")
		v := standing{rival: rival}
		if !c.rival.see(rival, at, now) {
			v.rival = ""
			delete(lease.Annotations, annotationRival)
		}
		cs.take(c, lease, now)
		return v, cs.written(c, lease, cs.client.Update(ctx, lease, client.FieldOwner(desired.FieldOwner)))
	}
	by := *lease.Spec.HolderIdentity
	if c.holder.see(by, fmt.Sprint(lease.Spec.RenewTime), now) {
		metav1.SetMetaDataAnnotation(&lease.ObjectMeta, annotationRival, cs.identity+" "+now.UTC().Format(time.RFC3339Nano))
		err := cs.client.Update(ctx, lease, client.FieldOwner(desired.FieldOwner))
		if apierrors.IsConflict(err) {
			err = nil // the holder wrote: it lives
		}
		return standing{by: by}, err
	}
	delete(lease.Annotations, annotationRival)
	cs.take(c, lease, now)
	return standing{}, cs.written(c, lease, cs.client.Update(ctx, lease, client.FieldOwner(desired.FieldOwner)))
}

func heldByOther(l *coordinationv1.Lease, identity string) bool {
	return l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity != "" && *l.Spec.HolderIdentity != identity
}

// take makes the Lease say that this installation holds it.
func (cs *claims) take(c *claim, l *coordinationv1.Lease, now time.Time) {
	l.OwnerReferences = []metav1.OwnerReference{c.owner}
	if l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity != cs.identity {
		l.Spec.HolderIdentity = new(cs.identity)
		l.Spec.AcquireTime = new(metav1.NewMicroTime(now))
	}
	l.Spec.LeaseDurationSeconds = new(int32(claimLasts / time.Second))
	l.Spec.RenewTime = new(metav1.NewMicroTime(now))
}

// written keeps what was written, to be written onto the next time.
func (cs *claims) written(c *claim, l *coordinationv1.Lease, err error) error {
	if err == nil {
		c.lease, c.holder = l, sign{}
	}
	return err
}

func ownerOf(c *v1alpha1.SIPCluster) metav1.OwnerReference {
	return *metav1.NewControllerRef(c, v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
}

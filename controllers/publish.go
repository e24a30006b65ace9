package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// memberSets publishes member sets, and tells what is new in them.
type memberSets struct {
	client    client.Client
	now       func() time.Time
	metrics   *Metrics
	records   *records
	signers   *signers
	applied   *applied
	announcer *announcer
}

// publish writes the member set, if it is a new one, or one that not all of the
// keys have signed. since is when the news that led here came in; zero where that is
// not known.
func (s *memberSets) publish(ctx context.Context, seen *observation, d *membership.Result, since time.Time) error {
	if !d.Changed && seen.signer.covers(seen.record.set) {
		return nil
	}
	if err := s.write(ctx, seen, d.Set); err != nil {
		return fmt.Errorf("publish the member set of epoch %d: %w", d.Set.Epoch, err)
	}
	if !d.Changed {
		return nil
	}
	if !since.IsZero() {
		s.metrics.publishSeconds.Observe(s.now().Sub(since).Seconds())
	}
	s.announcer.announce(ctx, seen, d)
	return nil
}

// write writes onto the very version that the decision was made from, or
// creates; anything else is a conflict.
func (s *memberSets) write(ctx context.Context, seen *observation, set *config.MemberSet) error {
	set, err := seen.signer.sign(set)
	if err != nil {
		return err
	}
	want, err := desired.MembersConfigMap(seen.cluster, set, seen.record.resourceVersion)
	if err != nil {
		return err
	}
	if seen.record.resourceVersion != "" {
		if err := s.client.Apply(ctx, want, client.FieldOwner(desired.FieldOwner), client.ForceOwnership); err != nil {
			return err
		}
		s.remember(seen, set, *want.ResourceVersion)
		s.described(seen, want, *want.ResourceVersion)
		return nil
	}
	cm := &corev1.ConfigMap{}
	if err := convert(want, cm); err != nil {
		return err
	}
	if err := s.client.Create(ctx, cm, client.FieldOwner(desired.FieldOwner)); err != nil {
		return err
	}
	s.remember(seen, set, cm.ResourceVersion)
	if err := s.ownFields(ctx, cm); err != nil {
		return fmt.Errorf("own the fields of ConfigMap %s: %w", cm.Name, err)
	}
	s.described(seen, want, cm.ResourceVersion)
	return nil
}

// remember notes what was written, and that the keys have signed something.
func (s *memberSets) remember(seen *observation, set *config.MemberSet, resourceVersion string) {
	s.records.remember(seen.cluster, set, resourceVersion)
	now := *seen.signer
	now.fresh = false
	s.signers.remember(seen.cluster, now)
}

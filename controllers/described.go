package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// description is what the ConfigMap of a member set has beside the set and its own
// version: labels, annotations and an owner.
func description(cm *corev1ac.ConfigMapApplyConfiguration) (name string, digest [sha256.Size]byte, err error) {
	bare := *cm
	meta := *cm.ObjectMetaApplyConfiguration
	meta.ResourceVersion = nil
	bare.ObjectMetaApplyConfiguration, bare.Data = &meta, nil
	text, err := json.Marshal(bare)
	return *cm.GetKind() + "/" + *cm.GetName(), sha256.Sum256(text), err
}

// described notes the description that was written with the set.
func (s *memberSets) described(seen *observation, want *corev1ac.ConfigMapApplyConfiguration, resourceVersion string) {
	if name, content, err := description(want); err == nil {
		s.applied.remember(client.ObjectKeyFromObject(seen.cluster), name, application{content: content, resourceVersion: resourceVersion})
	}
}

// publishDescription writes the published set once more where its ConfigMap was
// changed since, or is to be described in another way: the set in it, and so its
// epoch, stay as they are.
func (s *memberSets) publishDescription(ctx context.Context, seen *observation, set *config.MemberSet) error {
	if seen.record.resourceVersion == "" {
		return nil // it was created just now
	}
	want, err := desired.MembersConfigMap(seen.cluster, set, "")
	if err != nil {
		return err
	}
	name, content, err := description(want)
	if err != nil || s.applied.covers(client.ObjectKeyFromObject(seen.cluster), name, content, seen.record.resourceVersion) {
		return err
	}
	if err := s.write(ctx, seen, set); !apierrors.IsConflict(err) {
		return err
	}
	return nil // what somebody else wrote is heard of
}

// ownFields makes what the ConfigMap was created with the operator's as if it had been
// applied: what it is not to have any more is taken away then.
func (s *memberSets) ownFields(ctx context.Context, cm *corev1.ConfigMap) error {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(cm, sets.New(desired.FieldOwner), desired.FieldOwner)
	if err != nil || patch == nil {
		return err
	}
	return s.client.Patch(ctx, cm, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(desired.FieldOwner))
}

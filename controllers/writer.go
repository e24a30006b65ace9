package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// applyConfiguration is what the builders of package desired return.
type applyConfiguration interface {
	runtime.ApplyConfiguration
	GetKind() *string
	GetName() *string
}

// writer applies objects that are a SIPCluster's own.
type writer struct {
	client   client.Client
	adoption *adoption
	applied  *applied
	endings  *endings
}

// apply applies the object unless it is as wanted already or belongs to
// somebody else. current is an empty object of the same kind.
func (w *writer) apply(ctx context.Context, c *v1alpha1.SIPCluster, current client.Object, want applyConfiguration) error {
	object := *want.GetKind() + "/" + *want.GetName()
	text, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("%s: %w", object, err)
	}
	content, key := sha256.Sum256(text), client.ObjectKeyFromObject(c)
	exists, err := w.adoption.holder(ctx, c, current, *want.GetKind(), *want.GetName())
	if err != nil {
		return err
	}
	if exists && w.applied.covers(key, object, content, current.GetResourceVersion()) {
		return nil
	}
	if !exists {
		if err := w.endings.check(c.Namespace); err != nil {
			return err
		}
	}
	if err := w.client.Apply(ctx, want, client.FieldOwner(desired.FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply %s: %w", object, err)
	}
	after := &metav1.PartialObjectMetadata{}
	if err := convert(want, after); err != nil {
		return fmt.Errorf("%s: %w", object, err)
	}
	w.applied.remember(key, object, application{content, after.ResourceVersion, after.Generation})
	return nil
}

// convert goes from an apply configuration to its typed object.
func convert(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

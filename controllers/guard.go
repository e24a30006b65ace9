package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// protected are the namespaces of Kubernetes itself. Where the operator watches all
// namespaces its rights reach there too, for a right cannot be taken back for one.
var protected = []string{metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease}

// protectedError says that nothing is written in one of them.
type protectedError struct{ namespace string }

func (e *protectedError) Error() string {
	return fmt.Sprintf("namespace %s belongs to Kubernetes itself, and the operator writes nothing there: make the SIPCluster in a namespace of your own", e.namespace)
}

// protect is a protectedError for one of them.
func protect(namespace string) error {
	if slices.Contains(protected, namespace) {
		return &protectedError{namespace}
	}
	return nil
}

// guard is the client through which all writes go. Of what is in a namespace of
// Kubernetes itself it writes nothing but a status, and it creates nothing where that
// would be refused.
type guard struct {
	client.Client
	endings *endings
}

// Create implements client.Client.
func (g guard) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	if err := protect(o.GetNamespace()); err != nil {
		return err
	}
	if err := g.endings.check(o.GetNamespace()); err != nil {
		return err
	}
	return g.Client.Create(ctx, o, opts...)
}

// Apply implements client.Client.
func (g guard) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	if of, ok := o.(interface{ GetNamespace() *string }); ok && of.GetNamespace() != nil {
		if err := protect(*of.GetNamespace()); err != nil {
			return err
		}
	}
	return g.Client.Apply(ctx, o, opts...)
}

// Update implements client.Client.
func (g guard) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	if err := protect(o.GetNamespace()); err != nil {
		return err
	}
	return g.Client.Update(ctx, o, opts...)
}

// Patch implements client.Client.
func (g guard) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if err := protect(o.GetNamespace()); err != nil {
		return err
	}
	return g.Client.Patch(ctx, o, patch, opts...)
}

// Delete implements client.Client.
func (g guard) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	if err := protect(o.GetNamespace()); err != nil {
		return err
	}
	return g.Client.Delete(ctx, o, opts...)
}

// DeleteAllOf implements client.Client: nobody needs it here.
func (g guard) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return errors.New("the operator deletes objects one by one")
}

// quiet tells no Events where nothing is written, or they would be refused.
type quiet struct {
	events.EventRecorder
	endings *endings
}

// Eventf implements events.EventRecorder.
func (q quiet) Eventf(regarding, related runtime.Object, kind, reason, action, note string, args ...any) {
	if o, ok := regarding.(client.Object); ok && (protect(o.GetNamespace()) != nil || q.endings.check(o.GetNamespace()) != nil) {
		return
	}
	q.EventRecorder.Eventf(regarding, related, kind, reason, action, note, args...)
}

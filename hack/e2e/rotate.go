//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sipring/sipring/api/v1alpha1"
)

// rotateLimit bounds the way to a phase of a rotation: steps that each wait for the
// kubelets, and for the operator to look at its own keys.
const rotateLimit = 6 * time.Minute

// rotationRequest is the value of the annotations.
const rotationRequest = "e2e"

// rotateKeys has the operator replace all keys while calls are up, which were begun
// with the old ones. They end with the new ones in force everywhere. Then the old ones
// go, in a hurry, and everybody is called with the new ones alone.
func rotateKeys() fault {
	return fault{
		name: "rotate-keys", title: "keys rotated", replicas: 3, patience: patience, kept: true, settle: rotateLimit,
		do: annotate(v1alpha1.AnnotationRotateKeys),
		until: func(ctx context.Context, e *env) error {
			return e.keysIn(ctx, v1alpha1.KeysPhase("Retiring"), 2)
		},
		after: func(ctx context.Context, e *env) error {
			if err := annotate(v1alpha1.AnnotationRetireKeysNow)(ctx, e, "", func(time.Time) {}); err != nil {
				return err
			}
			return eventually(ctx, rotateLimit, func(ctx context.Context) error {
				return e.keysIn(ctx, v1alpha1.KeysPhase("Current"), 1)
			})
		},
	}
}

func annotate(key string) func(context.Context, *env, string, func(time.Time)) error {
	return func(ctx context.Context, e *env, victim string, struck func(time.Time)) error {
		return kubectlFault("annotate", "--overwrite", "sipcluster", e.proxies.name, key+"="+rotationRequest)(ctx, e, victim, struck)
	}
}

// keysIn returns nil once the proxies' keys are in the phase, so many of them, and
// those that sign member sets are rotated.
func (e *env) keysIn(ctx context.Context, phase v1alpha1.KeysPhase, n int) error {
	c, err := e.kube.sipCluster(ctx, namespace, e.proxies.name)
	if err != nil {
		return err
	}
	keys, signer := c.Status.Keys, c.Status.Signer
	if keys == nil || signer == nil {
		return fmt.Errorf("SIPCluster %s has no status of its keys", e.proxies.name)
	}
	if keys.Request != rotationRequest || keys.Phase != phase || len(keys.IDs) != n || signer.Request != rotationRequest || signer.Phase != "Current" {
		return fmt.Errorf("the keys %v are in phase %s of request %q, those that sign in %s of %q", keys.IDs, keys.Phase, keys.Request, signer.Phase, signer.Request)
	}
	return nil
}

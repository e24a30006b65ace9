package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// keys are those that the proxies share.
type keys struct {
	client  client.Client
	live    client.Reader
	metrics *Metrics
}

// apply creates the keys before there are pods. Once there are, a new key
// would part old proxies from new ones, so a loss is reported and not mended.
func (k *keys) apply(ctx context.Context, seen *observation) error {
	c := seen.cluster
	secret, err := found(ctx, k.live, c.Namespace, desired.KeysName(c.Name), &corev1.Secret{})
	if err != nil {
		return err
	}
	if secret != nil {
		if by := metav1.GetControllerOf(secret); by != nil && by.UID != c.UID {
			return foreign(c, "Secret", secret)
		}
		held, err := config.ParseKeys(secret.Data[config.KeysKey])
		if err != nil {
			return &keysError{fmt.Errorf("%s of Secret %s: %w: restore it, or scale to 0, delete it and scale up again", config.KeysKey, secret.Name, err)}
		}
		k.metrics.aged(c.Namespace, c.Name, proxiesKeys, madeAt(secret, config.KeysKey, held.Names()))
		return nil
	}
	if len(seen.pods) > 0 {
		return &keysError{fmt.Errorf("the Secret %s is gone while pods hold its keys: restore it, or scale to 0 and up again for new keys", desired.KeysName(c.Name))}
	}
	if secret, err = desired.Secret(c, config.NewKeys()); err != nil {
		return err
	}
	carriedOut(c, secret)
	return k.client.Create(ctx, secret, client.FieldOwner(desired.FieldOwner))
}

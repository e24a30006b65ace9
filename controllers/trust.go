package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/controllers/desired"
)

// trust is what tells the proxies whose sets to believe.
type trust struct{ writer *writer }

// apply writes it, with the keys that sign at present.
func (t *trust) apply(ctx context.Context, seen *observation) error {
	if seen.signerFault != nil {
		return seen.signerFault
	}
	want, err := desired.TrustConfigMap(seen.cluster, seen.signer.keys.Trust(seen.signer.identity))
	if err != nil {
		return err
	}
	return t.writer.apply(ctx, seen.cluster, &corev1.ConfigMap{}, want)
}

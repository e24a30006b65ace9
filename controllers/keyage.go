package controllers

import (
	"bytes"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/rotation"
)

// madeAt is when the first key of a Secret was made, as far as is known: by a rotation,
// or with the Secret, or by whoever else wrote the file last. names are those of the
// keys, in their order.
func madeAt(secret *corev1.Secret, file string, names []string) time.Time {
	made := secret.CreationTimestamp.Time
	record := rotation.ParseRecord(secret.Annotations[rotation.Annotation])
	if at := record.Made[names[0]]; at.After(made) {
		made = at
	}
	field := []byte(`"f:` + file + `"`)
	for _, entry := range secret.ManagedFields {
		if entry.Manager == desired.FieldOwner || entry.Time == nil || entry.FieldsV1 == nil {
			continue
		}
		if bytes.Contains(entry.FieldsV1.GetRawBytes(), field) && entry.Time.After(made) {
			made = entry.Time.Time
		}
	}
	return made
}

// The values of the label that says whose keys: the proxies', and those that sign
// member sets.
const (
	proxiesKeys = "proxies"
	signerKeys  = "signer"
)

var keysLabels = []string{proxiesKeys, signerKeys}

// unix is a time as Prometheus has it, 0 for none.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// aged shows when keys were made.
func (m *Metrics) aged(namespace, cluster, keys string, made time.Time) {
	m.keysMade.WithLabelValues(namespace, cluster, keys).Set(unix(made))
}

// rotated shows how far rotations are.
func (m *Metrics) rotated(namespace, cluster string, r *rotated) {
	expiry, stalled := 0.0, 0.0
	if r.keys != nil && r.keys.RetireAt != nil {
		expiry = unix(r.keys.RetireAt.Time)
	}
	if r.stuck != nil {
		stalled = 1
	}
	m.keysExpiry.WithLabelValues(namespace, cluster).Set(expiry)
	m.keysStalled.WithLabelValues(namespace, cluster).Set(stalled)
}

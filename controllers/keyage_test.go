package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/rotation"
	"github.com/sipring/sipring/proxy/config"
)

// TestKeysAge since they were made: by the operator with the Secret, by a rotation, or
// by whoever wrote the file, whatever else was written.
func TestKeysAge(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 5, n, 0, 0, 0, 0, time.UTC) }
	wrote := func(who, field string, at time.Time) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: who, Time: &metav1.Time{Time: at}, FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:` + field + `":{}}}`)}
	}
	keys := config.NewKeys()
	name := keys.Names()[0]
	for rule, tt := range map[string]struct {
		record  rotation.Record
		written []metav1.ManagedFieldsEntry
		want    time.Time
	}{
		"with the Secret":                     {want: day(1)},
		"by a rotation":                       {record: rotation.Record{Made: map[string]time.Time{name: day(3)}}, want: day(3)},
		"another one by a rotation":           {record: rotation.Record{Made: map[string]time.Time{"9-other": day(3)}, Since: day(3)}, want: day(1)},
		"by hand":                             {written: []metav1.ManagedFieldsEntry{wrote("kubectl-patch", config.KeysKey, day(5))}, want: day(5)},
		"by hand, and then by a rotation":     {record: rotation.Record{Made: map[string]time.Time{name: day(7)}}, written: []metav1.ManagedFieldsEntry{wrote("kubectl-patch", config.KeysKey, day(5))}, want: day(7)},
		"the operator wrote a record":         {written: []metav1.ManagedFieldsEntry{wrote(desired.FieldOwner, config.KeysKey, day(5))}, want: day(1)},
		"somebody wrote something else there": {written: []metav1.ManagedFieldsEntry{wrote("kubectl-patch", "note", day(5)), {Manager: "nobody"}}, want: day(1)},
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: metav1.Time{Time: day(1)}, ManagedFields: tt.written, Annotations: map[string]string{rotation.Annotation: tt.record.String()},
		}}
		if got := madeAt(secret, config.KeysKey, keys.Names()); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", rule, got, tt.want)
		}
	}
}

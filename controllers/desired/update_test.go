package desired

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/sipring/sipring/api/v1alpha1"
)

// TestNeverAllCopiesAtOnce: whatever is asked for, one copy of each binding stays.
func TestNeverAllCopiesAtOnce(t *testing.T) {
	for _, tt := range []struct {
		asked           *intstr.IntOrString
		replicas, ring  int32
		partition, want int32 // want 0: the field is not set
	}{
		{nil, 9, 3, 0, 0},
		{new(intstr.FromInt32(1)), 9, 3, 0, 0},
		{new(intstr.FromInt32(2)), 9, 3, 4, 2},
		{new(intstr.FromInt32(4)), 9, 3, 0, 2},
		{new(intstr.FromInt32(2)), 9, 1, 0, 0},
		{new(intstr.FromString("10%")), 9, 5, 0, 0},
		{new(intstr.FromString("25%")), 9, 5, 0, 2},
		{new(intstr.FromString("100%")), 100, 5, 0, 4},
		{new(intstr.FromString("100%")), 0, 5, 0, 0},
		{new(intstr.FromString("much")), 9, 5, 0, 0},
	} {
		c := &v1alpha1.SIPCluster{}
		c.Spec.Replicas, c.Spec.Ring.Replicas = &tt.replicas, tt.ring
		c.Spec.UpdateStrategy = v1alpha1.UpdateStrategy{Partition: tt.partition, MaxUnavailable: tt.asked}
		rolling := updateStrategy(c).RollingUpdate
		got := int32(0)
		if rolling.MaxUnavailable != nil {
			got = rolling.MaxUnavailable.IntVal
		}
		if got != tt.want || *rolling.Partition != tt.partition {
			t.Errorf("%v of %d, %d copies: %d, partition %d, want %d", tt.asked, tt.replicas, tt.ring, got, *rolling.Partition, tt.want)
		}
	}
}

// TestThePodBeforeIsInTheTrafficWhenTheNextLeaves: what is ready is not sent to yet.
func TestThePodBeforeIsInTheTrafficWhenTheNextLeaves(t *testing.T) {
	const kubeProxy = 1 // seconds that it lets pass between two syncs
	set := must(StatefulSet(ring(t, "replicas: 2"), "image", "cluster: ring"))
	if s := set.Spec.MinReadySeconds; s == nil || *s < 2*kubeProxy {
		t.Errorf("the next pod is replaced when this one has been ready for %v seconds, want %d at least", s, 2*kubeProxy)
	}
}

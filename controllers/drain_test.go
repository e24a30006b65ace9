package controllers_test

import (
	"testing"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// TestDrainSecondsReachTheProxy: what the user asks for is what the proxy reads,
// 0 included, and the kubelet waits longer than that.
func TestDrainSecondsReachTheProxy(t *testing.T) {
	for name, tt := range map[string]struct {
		asked *int32
		want  int
	}{"default": {nil, 30}, "none": {new(int32(0)), 0}, "some": {new(int32(90)), 90}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.create(func(c *v1alpha1.SIPCluster) { c.Spec.DrainSeconds = tt.asked })
			b.settle()
			set := b.statefulSet()
			read, err := config.ParseConfig([]byte(set.Spec.Template.Annotations[desired.AnnotationConfig]))
			b.ok(err)
			grace := *set.Spec.Template.Spec.TerminationGracePeriodSeconds
			if *read.DrainSeconds != tt.want || grace != int64(tt.want)+10 {
				t.Errorf("the proxy drains for %d s and is killed after %d, want %d and 10 more", *read.DrainSeconds, grace, tt.want)
			}
		})
	}
}

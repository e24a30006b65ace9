package controllers

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// TestWhoLeavesSaysHowLongItWaits for the calls of the application beside it, if there is one.
func TestWhoLeavesSaysHowLongItWaits(t *testing.T) {
	app := &v1alpha1.LocalApp{Port: 5080}
	template := func(text string) *v1alpha1.PodTemplate {
		return &v1alpha1.PodTemplate{Spec: &runtime.RawExtension{Raw: []byte(text)}}
	}
	for name, tt := range map[string]struct {
		spec v1alpha1.SIPClusterSpec
		want string
	}{
		"no application": {v1alpha1.SIPClusterSpec{}, "p-0 (192.0.2.1) hands over and leaves, epoch 7"},
		"as it is by default": {
			v1alpha1.SIPClusterSpec{LocalApp: app},
			"p-0 (192.0.2.1) hands over and leaves, and waits up to 40 s for the calls of its application to end, epoch 7",
		},
		"as the template has it": {
			v1alpha1.SIPClusterSpec{LocalApp: app, Template: template(`{"terminationGracePeriodSeconds": 600}`)},
			"p-0 (192.0.2.1) hands over and leaves, and waits up to 600 s for the calls of its application to end, epoch 7",
		},
	} {
		change := membership.Change{Kind: membership.Draining, Member: config.Member{Name: "p-0", Address: "192.0.2.1"}}
		_, reason, got := describe(&v1alpha1.SIPCluster{Spec: tt.spec}, change, &config.MemberSet{Epoch: 7})
		if got != tt.want || reason != v1alpha1.EventMemberDraining || strings.Contains(got, "%!") {
			t.Errorf("%s: %s, %q, want %q", name, reason, got, tt.want)
		}
	}
}

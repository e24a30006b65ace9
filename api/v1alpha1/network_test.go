package v1alpha1_test

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/testapi"
)

// ofNetwork is a network of the mode with more in it, behind a load balancer.
func ofNetwork(more string) string {
	return "service: {type: LoadBalancer}\nnetwork: {mode: SharedAddress" + more + "}"
}

func networkRefused() map[string]refusal {
	const (
		hosts = "spec.network.addresses holds addresses of hosts as they are usually written"
		needs = "spec.network.mode SharedAddress needs spec.service.type LoadBalancer, or ClusterIP with the address"
	)
	return map[string]refusal{
		"network of another mode":       {spec: "network: {mode: Host}", want: `supported values: "Service", "SharedAddress"`},
		"shared, nobody to assign":      {spec: "network: {mode: SharedAddress}", want: needs},
		"shared at ports of nodes":      {spec: "network: {mode: SharedAddress, addresses: [192.0.2.1]}\nservice: {type: NodePort}\nlisteners: [{name: a, protocol: UDP, advertise: sip.example.com}]", want: needs},
		"shared addresses, not shared":  {spec: "network: {addresses: [192.0.2.1]}", want: "spec.network.addresses needs mode SharedAddress"},
		"no shared address":             {spec: ofNetwork(", addresses: []"), want: "should have at least 1 items"},
		"three shared addresses":        {spec: ofNetwork(", addresses: [192.0.2.1, '2001:db8::1', 192.0.2.2]"), want: "must have at most 2 items"},
		"shared addresses of a family":  {spec: ofNetwork(", addresses: [192.0.2.1, 192.0.2.2]"), want: "spec.network.addresses has two of one family"},
		"shared name":                   {spec: ofNetwork(", addresses: [sip.example.com]"), want: hosts},
		"shared address of loopback":    {spec: ofNetwork(", addresses: [127.0.0.1]"), want: hosts},
		"shared address of nobody":      {spec: ofNetwork(", addresses: ['::']"), want: hosts},
		"shared address of a link":      {spec: ofNetwork(", addresses: ['fe80::1']"), want: hosts},
		"shared address of many":        {spec: ofNetwork(", addresses: [224.0.0.1]"), want: hosts},
		"shared address, long":          {spec: ofNetwork(", addresses: ['2001:db8:0:0:0:0:0:1']"), want: hosts},
		"shared, traffic at every node": {spec: "service: {type: LoadBalancer, externalTrafficPolicy: Cluster}\nnetwork: {mode: SharedAddress}", want: "spec.network.mode SharedAddress needs spec.service.externalTrafficPolicy Local"},
		"shared, two Services":          {spec: "service: {type: LoadBalancer, protocolPolicy: Separate}\nnetwork: {mode: SharedAddress}", want: "spec.network.mode SharedAddress has one address for all listeners"},
		"shared beside an application":  {spec: ofApp("") + "\n" + ofNetwork(""), want: "spec.localApp needs spec.network.mode Service"},
		"shared with a port of nodes":   {spec: ofNetwork("") + "\nlisteners: [{name: a, protocol: UDP, nodePort: 30060}]", want: "nodePort in spec.listeners has no meaning with spec.network.mode SharedAddress"},
	}
}

func networkAccepted() map[string]string {
	return map[string]string{
		"network by its Service":         "network: {mode: Service}",
		"shared, assigned":               ofNetwork(""),
		"shared, named":                  ofNetwork(", addresses: [192.0.2.1, '2001:db8::1']"),
		"shared, brought by others":      "network: {mode: SharedAddress, addresses: ['2001:db8::1']}",
		"shared, traffic where it comes": "service: {type: LoadBalancer, externalTrafficPolicy: Local}\nnetwork: {mode: SharedAddress}",
	}
}

// TestNetworkModeStays while there are pods.
func TestNetworkModeStays(t *testing.T) {
	api := testapi.Need(t, server)
	const refused = "spec.network.mode can change at spec.replicas 0 only"
	tests := map[string]struct{ before, patch, want string }{
		"to shared":            {"service: {type: LoadBalancer}", `{"network":{"mode":"SharedAddress"}}`, refused},
		"from shared":          {ofNetwork(""), `{"network":{"mode":"Service"}}`, refused},
		"by leaving it out":    {ofNetwork(""), `{"network":null}`, refused},
		"with the last pods":   {ofNetwork(""), `{"replicas":0,"network":{"mode":"Service"}}`, refused},
		"with the first pods":  {"replicas: 0\n" + ofNetwork(""), `{"replicas":3,"network":{"mode":"Service"}}`, refused},
		"without pods":         {"replicas: 0\n" + ofNetwork(""), `{"network":{"mode":"Service"}}`, ""},
		"other addresses":      {ofNetwork(""), `{"network":{"addresses":["192.0.2.1"]}}`, ""},
		"the default, by name": {"", `{"network":{"mode":"Service"}}`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u := manifest(t, "networked", tt.before)
			if err := api.Client.Create(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := api.Client.Delete(context.Background(), u); err != nil {
					t.Error(err)
				}
			}()
			c := &v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "networked"}}
			err := api.Client.Patch(t.Context(), c, client.RawPatch("application/merge-patch+json", []byte(`{"spec":`+tt.patch+`}`)), client.DryRunAll)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v\nwant a refusal with %q", err, tt.want)
			}
		})
	}
}

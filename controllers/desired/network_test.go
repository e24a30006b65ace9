package desired

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

const sharing = `
listeners: [{name: udp, protocol: UDP}, {name: tls, protocol: TLS, tls: {certificateRefs: [{name: cert}]}}]
service: {type: LoadBalancer, ipFamilyPolicy: PreferDualStack}
network: {mode: SharedAddress, addresses: [192.0.2.9, "2001:db8::9"]}
`

// TestSharedAddressObjects: what the mode makes of the pods and the Service.
func TestSharedAddressObjects(t *testing.T) {
	c := ring(t, sharing)
	golden(t, "shared-statefulset", must(StatefulSet(c, "example.com/sipring:1", "cluster: ring")))
	golden(t, "shared-service", ClientService(c))
	text := must(ConfigText(c))
	if cfg := must(config.ParseConfig([]byte(text))); !cmp.Equal(cfg.SharedAddresses, []string{"192.0.2.9", "2001:db8::9"}) {
		t.Errorf("configuration: %v", cfg.SharedAddresses)
	}
	if got := SharedBefore(text); !cmp.Equal(got, []string{"192.0.2.9", "2001:db8::9"}) {
		t.Errorf("read from the pods: %v", got)
	}
	if got := Advertise(c, ClientServices{}, ""); got != "192.0.2.9:5060" {
		t.Errorf("advertised %s", got)
	}
	if got := Second(c, nil, "192.0.2.9:5060", ""); got != "2001:db8::9" {
		t.Errorf("second %s", got)
	}
	if err := RestrictedTemplates().Check(c, must(StatefulSet(c, "image", "")).Spec.Template); err != nil {
		t.Error("the operator's own pods are refused:", err)
	}
}

// TestSharedAddresses: those of the spec, else the load balancer's, else those of before.
func TestSharedAddresses(t *testing.T) {
	given := func(hosts ...string) *corev1.Service {
		s := &corev1.Service{}
		for _, h := range hosts {
			in := corev1.LoadBalancerIngress{IP: h}
			if strings.HasSuffix(h, ".example") {
				in = corev1.LoadBalancerIngress{Hostname: h}
			}
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, in)
		}
		return s
	}
	before := []string{"192.0.2.1"}
	const balanced = "service: {type: LoadBalancer}\nnetwork: {mode: SharedAddress}"
	for name, tt := range map[string]struct {
		spec    string
		service *corev1.Service
		before  []string
		want    []string
	}{
		"another mode":           {"service: {type: LoadBalancer}\nnetwork: {mode: Service}", given("192.0.2.9"), before, nil},
		"named":                  {"network: {mode: SharedAddress, addresses: [192.0.2.8]}", given("192.0.2.9"), before, []string{"192.0.2.8"}},
		"assigned":               {balanced, given("192.0.2.9"), before, []string{"192.0.2.9"}},
		"assigned, both":         {balanced, given("2001:db8::9", "192.0.2.9"), nil, []string{"2001:db8::9", "192.0.2.9"}},
		"several of a family":    {balanced, given("192.0.2.9", "192.0.2.10"), nil, []string{"192.0.2.9"}},
		"a name is no address":   {balanced, given("lb.example"), nil, nil},
		"none yet":               {balanced, given(), nil, nil},
		"no Service yet":         {balanced, nil, nil, nil},
		"none any more":          {balanced, given(), before, before},
		"nobody assigns the one": {"service: {type: ClusterIP}\nnetwork: {mode: SharedAddress}", given("192.0.2.9"), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, SharedAddresses(ring(t, tt.spec), tt.service, tt.before)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestSharedAddressTemplate: spec.template cannot take away what the mode needs, and gets
// the nodes' network for nobody else.
func TestSharedAddressTemplate(t *testing.T) {
	const pbx = "{name: pbx, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}"
	for name, tt := range map[string]struct{ template, want string }{
		"nothing special":         {"{spec: {nodeSelector: {a: b}}}", ""},
		"more for the sidecar":    {"{spec: {initContainers: [{name: address, resources: {requests: {cpu: 20m}}}]}}", ""},
		"an affinity beside":      {"{spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}}}", ""},
		"more rights for it":      {"{spec: {initContainers: [{name: address, securityContext: {privileged: true}}]}}", `"address" is the operator's`},
		"another command":         {"{spec: {initContainers: [{name: address, args: [sleep]}]}}", `"address" is the operator's`},
		"without it":              {"{spec: {initContainers: [{name: address, $patch: delete}]}}", `"address" is the operator's`},
		"one before it":           {"{spec: {$setElementOrder/initContainers: [{name: first}, {name: address}], initContainers: [{name: first, image: x}]}}", `"address" is the operator's, and the first`},
		"a network of its own":    {"{spec: {hostNetwork: false}}", "hostNetwork: with spec.network.mode SharedAddress"},
		"two on a node":           {"{spec: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: []}}}}", "a node runs one proxy"},
		"another container there": {"{spec: {containers: [" + pbx + "]}}", "--template-allow=hostNetwork"},
	} {
		t.Run(name, func(t *testing.T) {
			c := ring(t, sharing+"template: "+tt.template)
			set, err := StatefulSet(c, "image", "cluster: ring")
			if err == nil {
				err = RestrictedTemplates().Check(c, set.Spec.Template)
			}
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// TestAddressContainerOfSomebody: one of the name is nobody's way around the policy where
// the mode is another.
func TestAddressContainerOfSomebody(t *testing.T) {
	c := ring(t, "template: {spec: {initContainers: [{name: address, image: x, securityContext: {capabilities: {add: [NET_ADMIN]}}}]}}")
	if err := RestrictedTemplates().Check(c, must(StatefulSet(c, "image", "")).Spec.Template); err == nil {
		t.Error("taken")
	}
	if c.Spec.Network.Mode == v1alpha1.NetworkModeSharedAddress {
		t.Fatal("the mode is the one")
	}
}

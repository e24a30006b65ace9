package desired

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// ring is a SIPCluster with the API server's defaults and the changes, which
// are the spec's YAML.
func ring(t testing.TB, changes string) *v1alpha1.SIPCluster {
	t.Helper()
	c := &v1alpha1.SIPCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "ring", UID: "0000-0001"},
		Spec: v1alpha1.SIPClusterSpec{
			Replicas:  new(int32(3)),
			Domains:   []v1alpha1.Domain{"example.com"},
			Listeners: []v1alpha1.Listener{{Name: "udp", Protocol: "UDP", Port: 5060}},
			Ports:     v1alpha1.Ports{Peer: 7947, Health: 7948, Admin: 9090},
			Service:   v1alpha1.ServiceTemplate{Type: "ClusterIP"},
			Ring:      v1alpha1.Ring{Partitions: 16384, Replicas: 2},
			Registrar: v1alpha1.Registrar{MinExpiresSeconds: 60, MaxExpiresSeconds: 3600, MaxContacts: 10},
		},
	}
	if err := yaml.UnmarshalStrict([]byte(changes), &c.Spec); err != nil {
		t.Fatal(err)
	}
	return c
}

func golden(t *testing.T, name string, object any) {
	t.Helper()
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got, go test -update rewrites it):\n%s", path, d)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const everything = `
replicas: 5
domains: [example.com, example.org]
listeners: [{name: phones, protocol: UDP, port: 5070}]
ports: {peer: 8001, health: 8002, admin: 8003}
service:
  type: LoadBalancer
  labels: {team: voice, sipring.io/cluster: mine}
  annotations: {lb.example.com/kind: udp}
  externalTrafficPolicy: Cluster
  ipFamilies: [IPv6, IPv4]
  ipFamilyPolicy: PreferDualStack
  trafficDistribution: PreferClose
  internalTrafficPolicy: Local
  allocateLoadBalancerNodePorts: false
  loadBalancerClass: example.com/lb
  loadBalancerSourceRanges: [192.0.2.0/24]
registrar: {minExpiresSeconds: 30, maxExpiresSeconds: 600, maxContacts: 4}
ring: {partitions: 16384, replicas: 3}
updateStrategy: {partition: 2, maxUnavailable: 60%}
drainSeconds: 90
maxRingSeconds: 45
limits: {newPerSecond: 50, connections: {total: 50000, perSource: 40000, newPerSecond: 300}, trusted: [10.1.0.0/16]}
egress: {contacts: Any, allow: [10.0.0.0/8], deny: [10.96.0.0/12, "192.0.2.0/24:1-1023"]}
networkPolicy: {metricsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}, {ipBlock: {cidr: 192.0.2.0/24}}]}
tokenHours: 48
inheritedMetadata: {labels: {cost-center: "12", team: nobody, sipring.io/cluster: mine}, annotations: {owner: telephony, sipring.io/config: mine}}
podDisruptionBudget: {maxUnavailable: 40%}
topologySpreadConstraints:
- {maxSkew: 2, topologyKey: example.com/rack, whenUnsatisfiable: DoNotSchedule}
- {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {team: voice}}}
priorityClassName: telephony
revisionHistoryLimit: 2
logLevel: debug
template:
  labels: {team: voice}
  annotations: {note: "yes"}
  spec:
    hostNetwork: true
    nodeSelector: {role: edge}
    tolerations: [{key: edge, operator: Exists}]
    containers:
    - name: proxy
      resources: {limits: {memory: 1Gi}}
    - name: sidecar
      image: example.com/sidecar
      ports: [{containerPort: 8021}]
`

const twoListeners = `
listeners: [{name: phones, protocol: UDP, port: 5060, nodePort: 30060}, {name: trunks, protocol: UDP, port: 5070, nodePort: 30070, advertise: trunks.example.com}]
service: {type: LoadBalancer}
`

const fiveProtocols = `
listeners:
- {name: udp, protocol: UDP, port: 5060, nodePort: 30060}
- {name: tcp, protocol: TCP, nodePort: 30060, proxyProtocol: {trustedCIDRs: [192.0.2.0/24]}}
- name: tls
  protocol: TLS
  tls: {certificateRefs: [{name: example-com}, {name: example-org}], minVersion: "1.3", clientAuth: Require, clientCA: {configMapName: trunk-ca}, clientNames: [trunk.example.net]}
- {name: ws, protocol: WS, webSocket: {path: /}}
- name: wss
  protocol: WSS
  port: 443
  tls: {certificateRefs: [{name: example-com}], minVersion: "1.2", clientAuth: Optional, clientCA: {secretName: example-com}}
  webSocket: {path: /ws, origins: [https://phone.example.com]}
service: {type: LoadBalancer}
`

const nodePort = `
listeners: [{name: udp, protocol: UDP, port: 5060, nodePort: 30060, advertise: "192.0.2.10:30060"}]
service: {type: NodePort}
`

func TestGolden(t *testing.T) {
	least, most := ring(t, ""), ring(t, everything)
	set := &config.MemberSet{
		Epoch: 7, Advertise: "192.0.2.1:5060", Ring: RingParameters(least),
		Members: []config.Member{{ID: 1, Name: "ring-0", Address: "10.0.0.1", Node: "a", Zone: "east", State: config.Active}},
	}
	two, asks := ring(t, twoListeners), ring(t, withDigest)
	five := ring(t, fiveProtocols)
	app := ring(t, withApplication)
	objects := map[string]any{
		"localapp-statefulset":    must(StatefulSet(app, "example.com/sipring:1", must(ConfigText(app)))),
		"localapp-networkpolicy":  must(NetworkPolicy(app)),
		"protocols-service":       ClientService(five),
		"protocols-networkpolicy": must(NetworkPolicy(five)),
		"protocols-statefulset":   must(StatefulSet(five, "example.com/sipring:1", must(ConfigText(five)))),
		"protocols-endpointslices": EndpointSlices(five, nil, nil, []membership.Endpoint{
			{ID: 1, Name: "ring-0", UID: "u1", Address: "10.0.0.1", Port: 5060, Ready: true, Serving: true},
			{ID: 2, Name: "ring-1", UID: "u2", Address: "10.0.0.2", Port: 5060, Serving: true, Terminating: true},
		}),
		"digest-statefulset":      must(StatefulSet(asks, "example.com/sipring:1", must(ConfigText(asks)))),
		"listeners-service":       ClientService(two),
		"listeners-networkpolicy": must(NetworkPolicy(two)),
		"listeners-statefulset":   must(StatefulSet(two, "example.com/sipring:1", must(ConfigText(two)))),
		"listeners-endpointslices": EndpointSlices(two, nil, podsAt(map[string][]int32{"u1": {5060, 5070}, "u2": {5060}, "u3": {5060, 5080}}), []membership.Endpoint{
			{ID: 1, Name: "ring-0", UID: "u1", Address: "10.0.0.1", Port: 5060, Ready: true, Serving: true},
			{ID: 2, Name: "ring-1", UID: "u2", Address: "10.0.0.2", Port: 5060, Ready: true, Serving: true}, // made before there were two
			{ID: 3, Name: "ring-2", UID: "u3", Address: "10.0.0.3", Port: 5060, Ready: true, Serving: true}, // when the second had another port
			{ID: 4, Name: "ring-3", UID: "u4", Address: "10.0.0.4", Port: 5060, Ready: true, Serving: true}, // not known
		}),
		"configmap-members":          must(MembersConfigMap(least, set, "12")),
		"service-client":             ClientService(least),
		"service-client-most":        ClientService(most),
		"service-client-loadbalance": ClientService(ring(t, "service: {type: LoadBalancer}")),
		"service-client-nodeport":    ClientService(ring(t, nodePort)),
		"service-peers":              PeerService(least),
		"serviceaccount":             ServiceAccount(least),
		"role":                       Role(least, 3),
		"role-stopped":               Role(least, 0),
		"rolebinding":                RoleBinding(least),
		"disruptionbudget":           Budget(least),
		"networkpolicy":              must(NetworkPolicy(least)),
		"networkpolicy-most":         must(NetworkPolicy(most)),
		"disruptionbudget-most":      Budget(most),
		"role-most":                  Role(most, 1),
		"secret-most":                must(Secret(most, &config.Keys{Keys: []config.Key{{ID: 1, Secret: make([]byte, config.SecretSize)}}})),
		"endpointslices-most":        EndpointSlices(most, nil, nil, []membership.Endpoint{{ID: 1, Name: "ring-0", Address: "10.0.0.1", Port: 5070, Ready: true, Serving: true}}),
		"statefulset":                must(StatefulSet(least, "example.com/sipring:1", must(ConfigText(least)))),
		"statefulset-most":           must(StatefulSet(most, "example.com/sipring:1", must(ConfigText(most)))),
		"endpointslices": EndpointSlices(least, nil, nil, []membership.Endpoint{
			{ID: 1, Name: "ring-0", UID: "u1", Address: "10.0.0.1", Port: 5060, Node: "a", Zone: "east", Ready: true, Serving: true},
			{ID: 2, Name: "ring-1", UID: "u2", Address: "10.0.0.2", Port: 5060, Node: "b", Serving: true, Terminating: true},
			{ID: 3, Name: "ring-2", UID: "u3", Address: "10.0.0.3", Port: 5070},
			{ID: 4, Name: "ring-3", UID: "u4", Address: "2001:db8::4", Port: 5060, Ready: true, Serving: true},
			{ID: 101, Name: "ring-100", UID: "u101", Address: "10.0.0.101", Port: 5060, Ready: true, Serving: true},
		}),
		"configmap-trust": must(TrustConfigMap(least, &config.Trust{Cluster: Identity(least), Keys: [][]byte{make([]byte, 32)}})),
		"secret-signer":   must(SignerSecret(least, &config.Keys{Keys: []config.Key{{ID: 1, Secret: make([]byte, config.SecretSize)}}})),
		"secret":          must(Secret(least, &config.Keys{Keys: []config.Key{{ID: 1, Secret: make([]byte, config.SecretSize)}}})),
	}
	for name, object := range objects {
		t.Run(name, func(t *testing.T) { golden(t, name, object) })
	}
}

// podsAt are pods by UID, made with a port for each of the listeners.
func podsAt(ports map[string][]int32) (pods []corev1.Pod) {
	for uid, numbers := range ports {
		container := corev1.Container{Name: Container}
		for i, number := range numbers {
			container.Ports = append(container.Ports, corev1.ContainerPort{Name: []string{"phones", "trunks"}[i], Protocol: corev1.ProtocolUDP, ContainerPort: number})
		}
		pods = append(pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid)}, Spec: corev1.PodSpec{Containers: []corev1.Container{container}}})
	}
	return pods
}

package v1alpha1_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/testapi"
)

var server *testapi.Server

func TestMain(m *testing.M) {
	os.Exit(testapi.Run(m, func(s *testapi.Server) { server = s }))
}

// manifest is a SIPCluster as a user writes it: the spec's lines below the least
// that is needed.
func manifest(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	text := "apiVersion: sipring.io/v1alpha1\nkind: SIPCluster\nmetadata: {namespace: default, name: " + name + "}\nspec:\n"
	if !strings.HasPrefix(spec, "domains:") && !strings.Contains(spec, "\ndomains:") {
		text += "  domains: [example.com]\n"
	}
	if !strings.Contains(spec, "authentication:") {
		text += "  authentication: {open: {}}\n"
	}
	for line := range strings.Lines(spec) {
		text += "  " + strings.TrimRight(line, "\n") + "\n"
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return u
}

// refusal is a manifest that is refused: its spec and, where they matter, its name and
// what the message has to say.
type refusal struct{ name, spec, want string }

func TestRefused(t *testing.T) {
	api := testapi.Need(t, server)
	tests := map[string]refusal{
		"no domain":                {spec: "domains: []", want: "spec.domains: Invalid value: 0: spec.domains in body should have at least 1 items"},
		"domain with a user":       {spec: "domains: ['bob@example.com']", want: "spec.domains holds the host part of SIP addresses, such as example.com"},
		"domain with a scheme":     {spec: "domains: ['sip:example.com']", want: "no scheme, user, port or wildcard"},
		"domain twice":             {spec: "domains: [example.com, example.com]", want: "Duplicate value"},
		"domain with two dots":     {spec: "domains: [a..b]", want: "spec.domains holds the host part of SIP addresses"},
		"domain of numbers":        {spec: "domains: ['1.2']", want: "spec.domains: what ends in a number must be the IPv4 address of a host"},
		"domain, no IPv4":          {spec: "domains: [example.com, 999.1.1.1]", want: "spec.domains[1]: Invalid value: \"999.1.1.1\": spec.domains: what ends in a number"},
		"domain 0.0.0.0":           {spec: "domains: [0.0.0.0]", want: "what ends in a number must be the IPv4 address of a host"},
		"domain ends in number":    {spec: "domains: [example.1]", want: "what ends in a number must be the IPv4 address of a host"},
		"domain, no IPv6":          {spec: "domains: ['[:::]']", want: "spec.domains: between brackets must be the IPv6 address of a host"},
		"domain of IPv4 in []":     {spec: "domains: ['[192.0.2.1]']", want: "between brackets must be the IPv6 address of a host"},
		"domain [::]":              {spec: "domains: ['[::]']", want: "between brackets must be the IPv6 address of a host"},
		"domain [1.2]":             {spec: "domains: ['[1.2]']", want: "between brackets must be the IPv6 address of a host"},
		"alias of a URI":           {spec: "aliases: ['sip:example.com']", want: "spec.aliases holds hosts or host:port such as sip.example.com"},
		"alias with a user":        {spec: "aliases: ['bob@example.com']", want: "no scheme, user or wildcard"},
		"alias bare IPv6":          {spec: "aliases: ['2001:db8::1']", want: "[2001:db8::1]:5060"},
		"alias, no port":           {spec: "aliases: [example.com, 'sip.example.com:0']", want: "spec.aliases: the port after ':' must be 1 to 65535"},
		"alias, no IPv4":           {spec: "aliases: ['999.1.1.1:5060']", want: "spec.aliases: a host that ends in a number must be the IPv4 address"},
		"alias, no IPv6":           {spec: "aliases: ['[:::]']", want: "spec.aliases: between brackets must be the IPv6 address"},
		"alias twice":              {spec: "aliases: [example.com, example.com]", want: "Duplicate value"},
		"alias, empty":             {spec: "aliases: ['']", want: "at least 1 chars long"},
		"too many aliases":         {spec: "aliases: [" + strings.Join(append(mostDomains(), "one.more"), ",") + "]", want: "at most 64 items"},
		"nine listeners":           {spec: "listeners: [" + listeners(9) + "]", want: "must have at most 8 items"},
		"one port twice of three":  {spec: "listeners: [" + listeners(2) + "{name: c, protocol: UDP, port: 5061}]", want: "spec.listeners: two listeners have one port: give each its own"},
		"one node port twice":      {spec: "service: {type: LoadBalancer}\nlisteners: [{name: a, protocol: UDP, nodePort: 30060}, {name: b, protocol: UDP, port: 5070, nodePort: 30060}]", want: "spec.listeners: two listeners have one nodePort: give each its own, or leave it out"},
		"second without advertise": {spec: "service: {type: NodePort}\nlisteners: [{name: a, protocol: UDP, advertise: a.example}, {name: b, protocol: UDP, port: 5070}]", want: "spec.service.type NodePort needs advertise in spec.listeners"},
		"one name twice":           {spec: "listeners: [{name: a, protocol: UDP}, {name: a, protocol: UDP, port: 5070}]", want: "Duplicate value"},
		"one port twice":           {spec: "listeners: [{name: a, protocol: UDP}, {name: b, protocol: UDP}]", want: "spec.listeners: two listeners have one port: give each its own"},
		"no listener":              {spec: "listeners: []", want: "at least 1 items"},
		"listener of no name":      {spec: "listeners: [{protocol: UDP}]", want: "spec.listeners[0].name: Required value"},
		"listener's long name":     {spec: "listeners: [{name: abcdefghijklmnop, protocol: UDP}]", want: "may not be more than 15"},
		"listener Peer":            {spec: "listeners: [{name: Peer, protocol: UDP}]", want: "spec.listeners: a name names a port of the Service too"},
		"listener a--b":            {spec: "listeners: [{name: a--b, protocol: UDP}]", want: "beginning with a letter"},
		"listener peer":            {spec: "listeners: [{name: peer, protocol: UDP}]", want: "spec.listeners: the names peer, health and admin are those of spec.ports"},
		"negative budget":          {spec: "podDisruptionBudget: {maxUnavailable: -1}", want: "spec.podDisruptionBudget.maxUnavailable is a number from 0 to 4096, or a percentage such as 25%"},
		"budget of 101%":           {spec: "podDisruptionBudget: {maxUnavailable: 101%}", want: "or a percentage such as 25%"},
		"budget in words":          {spec: "podDisruptionBudget: {maxUnavailable: one}", want: "or a percentage such as 25%"},
		"budget that is off":       {spec: "podDisruptionBudget: {enabled: false, maxUnavailable: 1}", want: "spec.podDisruptionBudget is not enabled and has maxUnavailable: remove one"},
		"spread twice":             {spec: "topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, topologyKey: a, whenUnsatisfiable: DoNotSchedule}]", want: "Duplicate value"},
		"spread over nothing":      {spec: "topologySpreadConstraints: [{maxSkew: 1}]", want: "topologyKey: Required value"},
		"too many revisions":       {spec: "revisionHistoryLimit: 101", want: "should be less than or equal to 100"},
		"transports":               {spec: "transports: [{protocol: UDP}]", want: `unknown field "spec.transports"`},
		"network":                  {spec: "network: {advertise: sip.example.com}", want: `unknown field "spec.network.advertise"`},
		"port 0":                   {spec: "ports: {peer: 0}", want: "should be greater than or equal to 1"},
		"port 70000":               {spec: "listeners: [{name: a, protocol: UDP, port: 70000}]", want: "should be less than or equal to 65535"},
		"ports equal":              {spec: "ports: {peer: 7000, admin: 7000}", want: "spec.ports: peer, health and admin need three different ports"},
		"health port twice":        {spec: "ports: {health: 7947}", want: "spec.ports: peer, health and admin need three different ports"},
		"replicas below 0":         {spec: "replicas: -1", want: "spec.replicas"},
		"too many replicas":        {spec: "replicas: 5000", want: "should be less than or equal to 4096"},
		"image with a space":       {spec: "image: 'a b'", want: "spec.image is not an image reference"},
		"ring replicas 0":          {spec: "ring: {replicas: 0}", want: "spec.ring.replicas"},
		"ring replicas 6":          {spec: "ring: {replicas: 6}", want: "should be less than or equal to 5"},
		"few partitions":           {spec: "ring: {partitions: 8}", want: "should be greater than or equal to 64"},
		"min above max":            {spec: "registrar: {minExpiresSeconds: 900, maxExpiresSeconds: 600}", want: "minExpiresSeconds (default 60) must not be above maxExpiresSeconds (default 3600): set both"},
		"default above max":        {spec: "registrar: {maxExpiresSeconds: 600, defaultExpiresSeconds: 900}", want: "defaultExpiresSeconds must lie between minExpiresSeconds (default 60) and maxExpiresSeconds (default 3600)"},
		"more than a week":         {spec: "registrar: {maxExpiresSeconds: 700000}", want: "should be less than or equal to 604800"},
		"contacts 0":               {spec: "registrar: {maxContacts: 0}", want: "spec.registrar.maxContacts"},
		"ringing for 0 s":          {spec: "maxRingSeconds: 0", want: "spec.maxRingSeconds in body should be greater than or equal to 1"},
		"ringing for days":         {spec: "maxRingSeconds: 86401", want: "should be less than or equal to 86400"},
		"contacts of any kind":     {spec: "egress: {contacts: any}", want: `supported values: "Source", "Any"`},
		"egress: an address":       {spec: "egress: {allow: [192.0.2.1]}", want: "spec.egress: a rule is a prefix, perhaps with ports, such as 192.0.2.0/24"},
		"egress: a name":           {spec: "egress: {deny: [example.com/24]}", want: "spec.egress: a rule is a prefix"},
		"egress: IPv6, port":       {spec: "egress: {deny: ['2001:db8::/32:5060']}", want: "[2001:db8::/32]:5060"},
		"egress: [IPv6]":           {spec: "egress: {deny: ['[2001:db8::/32]']}", want: "[2001:db8::/32]:5060"},
		"egress: bits":             {spec: "egress: {allow: [192.0.2.7/24]}", want: "spec.egress: not a prefix, or one with bits set beyond its length"},
		"egress: long":             {spec: "egress: {allow: [192.0.2.0/33]}", want: "spec.egress: not a prefix"},
		"egress: IPv6 bits":        {spec: "egress: {deny: ['[2001:db8::1/32]:5060']}", want: "spec.egress: not a prefix"},
		"egress: mapped":           {spec: "egress: {deny: ['::ffff:c000:200/120']}", want: "spec.egress: not a prefix"},
		"egress: port 0":           {spec: "egress: {deny: ['192.0.2.0/24:0']}", want: "spec.egress: ports are 1 to 65535, the lower one first"},
		"egress: port 70000":       {spec: "egress: {deny: ['[2001:db8::/32]:5060-70000']}", want: "spec.egress: ports are 1 to 65535"},
		"egress: ports 9 to 8":     {spec: "egress: {deny: ['192.0.2.0/24:9-8']}", want: "the lower one first"},
		"egress: v6 9 to 8":        {spec: "egress: {deny: ['[2001:db8::/32]:9-8']}", want: "the lower one first"},
		"limits of nothing":        {spec: "limits: {newPerSecond: 0}", want: "spec.limits.newPerSecond in body should be greater than or equal to 1"},
		"limits above all":         {spec: "limits: {messagesPerSecond: 1000001}", want: "should be less than or equal to 1000000"},
		"no connections":           {spec: "limits: {connections: {total: 0}}", want: "spec.limits.connections.total in body should be greater than or equal to 1"},
		"most connections":         {spec: "limits: {connections: {total: 1000001}}", want: "should be less than or equal to 1000000"},
		"no connections of one":    {spec: "limits: {connections: {perSource: 0}}", want: "spec.limits.connections.perSource in body should be greater than or equal to 1"},
		"no new connections":       {spec: "limits: {connections: {newPerSecond: -1}}", want: "spec.limits.connections.newPerSecond in body should be greater than or equal to 1"},
		"connections by minute":    {spec: "limits: {connections: {newPerMinute: 1}}", want: `unknown field "spec.limits.connections.newPerMinute"`},
		"trusted address":          {spec: "limits: {trusted: [192.0.2.1]}", want: "spec.limits.trusted holds prefixes such as 192.0.2.0/24"},
		"trusted bits":             {spec: "limits: {trusted: [192.0.2.1/24]}", want: "spec.limits.trusted holds prefixes such as 192.0.2.0/24"},
		"egress twice":             {spec: "egress: {deny: [10.0.0.0/8, 10.0.0.0/8]}", want: "Duplicate value"},
		"egress: too many":         {spec: "egress: {deny: [" + strings.Join(append(mostRules(), "10.0.0.0/8"), ",") + "]}", want: "at most 64 items"},
		"tokens for 0 hours":       {spec: "tokenHours: 0", want: "spec.tokenHours in body should be greater than or equal to 1"},
		"tokens for years":         {spec: "tokenHours: 8761", want: "should be less than or equal to 8760"},
		"unknown log level":        {spec: "logLevel: trace", want: `supported values: "debug", "info", "warn", "error"`},
		"service type":             {spec: "service: {type: ExternalName}", want: `supported values: "ClusterIP", "NodePort", "LoadBalancer"`},
		"policy without a way in": {
			spec: "service: {externalTrafficPolicy: Local}",
			want: "spec.service.externalTrafficPolicy has no meaning for type ClusterIP: remove it, or set type LoadBalancer or NodePort",
		},
		"load balancer's class without one": {spec: "service: {loadBalancerClass: example.com/lb}", want: "need type LoadBalancer"},
		"load balancer's ports without one": {spec: "service: {type: NodePort, allocateLoadBalancerNodePorts: false}\nlisteners: [{name: a, protocol: UDP, advertise: a.example}]", want: "spec.service.loadBalancerClass, loadBalancerSourceRanges and allocateLoadBalancerNodePorts need type LoadBalancer"},
		"load balancer's address":           {spec: "service: {type: LoadBalancer, loadBalancerIP: 192.0.2.1}", want: `unknown field "spec.service.loadBalancerIP"`},
		"IP family":                         {spec: "service: {ipFamilies: [IPv5]}", want: `supported values: "IPv4", "IPv6"`},
		"IP family twice":                   {spec: "service: {ipFamilies: [IPv4, IPv4]}", want: "spec.service.ipFamilies names a family twice"},
		"two IP families without a policy":  {spec: "service: {ipFamilies: [IPv4, IPv6]}", want: "spec.service.ipFamilies has two families: set ipFamilyPolicy"},
		"two IP families for one":           {spec: "service: {ipFamilies: [IPv4, IPv6], ipFamilyPolicy: SingleStack}", want: "spec.service.ipFamilies has two families"},
		"IP family policy":                  {spec: "service: {ipFamilyPolicy: Dual}", want: `supported values: "SingleStack", "PreferDualStack", "RequireDualStack"`},
		"traffic distribution":              {spec: "service: {trafficDistribution: Far}", want: `supported values: "PreferClose", "PreferSameZone", "PreferSameNode"`},
		"internal traffic policy":           {spec: "service: {internalTrafficPolicy: Zone}", want: `supported values: "Cluster", "Local"`},
		"source range":                      {spec: "service: {type: LoadBalancer, loadBalancerSourceRanges: [192.0.2.1]}", want: "prefixes such as 192.0.2.0/24"},
		"node port without an address":      {spec: "service: {type: NodePort}", want: "spec.service.type NodePort needs advertise in spec.listeners"},
		"node port 0":                       {spec: "service: {type: NodePort}\nlisteners: [{name: a, protocol: UDP, nodePort: 0, advertise: 192.0.2.1}]", want: "spec.listeners[0].nodePort in body should be greater than or equal to 1"},
		"node port 70000":                   {spec: "service: {type: LoadBalancer}\nlisteners: [{name: a, protocol: UDP, nodePort: 70000}]", want: "should be less than or equal to 65535"},
		"node port inside only":             {spec: "listeners: [{name: a, protocol: UDP, nodePort: 30060}]", want: "nodePort in spec.listeners needs spec.service.type NodePort or LoadBalancer: set the type, or remove nodePort"},
		"advertise a URI":                   {spec: "listeners: [{name: a, protocol: UDP, advertise: 'sip:example.com'}]", want: "advertise in spec.listeners is a host or host:port such as sip.example.com"},
		"advertise bare IPv6":               {spec: "listeners: [{name: a, protocol: UDP, advertise: '2001:db8::1'}]", want: "[2001:db8::1]:5060"},
		"advertise port 0":                  {spec: "listeners: [{name: a, protocol: UDP, advertise: 'sip.example.com:0'}]", want: "the port after ':' must be 1 to 65535"},
		"advertise port 70000":              {spec: "listeners: [{name: a, protocol: UDP, advertise: '[2001:db8::1]:70000'}]", want: "the port after ':' must be 1 to 65535"},
		"advertise two dots":                {spec: "listeners: [{name: a, protocol: UDP, advertise: 'a..b:5060'}]", want: "advertise in spec.listeners is a host or host:port"},
		"advertise no IPv4":                 {spec: "listeners: [{name: a, protocol: UDP, advertise: '999.1.1.1'}]", want: "advertise in spec.listeners: a host that ends in a number must be the IPv4 address that phones use"},
		"advertise no IPv4, with a port":    {spec: "listeners: [{name: a, protocol: UDP, advertise: '1.2:5060'}]", want: "a host that ends in a number must be the IPv4 address that phones use"},
		"advertise 0.0.0.0":                 {spec: "listeners: [{name: a, protocol: UDP, advertise: '0.0.0.0:5060'}]", want: "a host that ends in a number must be the IPv4 address that phones use"},
		"advertise no IPv6":                 {spec: "listeners: [{name: a, protocol: UDP, advertise: '[:::]'}]", want: "advertise in spec.listeners: between brackets must be the IPv6 address that phones use"},
		"advertise [1.2]":                   {spec: "listeners: [{name: a, protocol: UDP, advertise: '[1.2]:5060'}]", want: "between brackets must be the IPv6 address that phones use"},
		"advertise IPv4 in []":              {spec: "listeners: [{name: a, protocol: UDP, advertise: '[192.0.2.1]'}]", want: "between brackets must be the IPv6 address that phones use"},
		"advertise [::]":                    {spec: "listeners: [{name: a, protocol: UDP, advertise: '[::]:5060'}]", want: "between brackets must be the IPv6 address that phones use"},
		"advertise half a bracket":          {spec: "listeners: [{name: a, protocol: UDP, advertise: '['}]", want: "advertise in spec.listeners is a host or host:port"},
		"label's key":                       {spec: "template: {labels: {'a b': c}}", want: "spec.template.labels: a key is a name such as team or example.com/team"},
		"annotation of the pods":            {spec: "template: {annotations: {'a b': c}}", want: "spec.template.annotations: a key is a name"},
		"label's key of the Service":        {spec: "service: {labels: {a/b/c: d}}", want: "spec.service.labels: a key is a name"},
		"annotation of the Service":         {spec: "service: {annotations: {'a b': c}}", want: "spec.service.annotations: a key is a name"},
		"inherited label's key":             {spec: "inheritedMetadata: {labels: {-a: b}}", want: "spec.inheritedMetadata.labels: a key is a name"},
		"inherited annotation":              {spec: "inheritedMetadata: {annotations: {'': b}}", want: "spec.inheritedMetadata.annotations: a key is a name"},
		"paused by word":                    {spec: "paused: 'yes'", want: "spec.paused"},
		"partition below 0":                 {spec: "updateStrategy: {partition: -1}", want: "spec.updateStrategy.partition in body should be greater than or equal to 0"},
		"partition above all":               {spec: "updateStrategy: {partition: 4097}", want: "should be less than or equal to 4096"},
		"all copies away":                   {spec: "updateStrategy: {maxUnavailable: 2}", want: "spec.updateStrategy.maxUnavailable must be below spec.ring.replicas (default 2), or 1"},
		"three of three copies":             {spec: "updateStrategy: {maxUnavailable: 3}\nring: {replicas: 3}", want: "must be below spec.ring.replicas"},
		"none away":                         {spec: "updateStrategy: {maxUnavailable: 0}", want: "spec.updateStrategy.maxUnavailable is a number from 1, or a percentage such as 10%"},
		"fewer than none":                   {spec: "updateStrategy: {maxUnavailable: -1}", want: "is a number from 1"},
		"0%":                                {spec: "updateStrategy: {maxUnavailable: 0%}", want: "is a number from 1, or a percentage such as 10%"},
		"101%":                              {spec: "updateStrategy: {maxUnavailable: 101%}", want: "or a percentage such as 10%"},
		"a part without %":                  {spec: "updateStrategy: {maxUnavailable: '10'}", want: "or a percentage such as 10%"},
		"template is a list":                {spec: "template: {spec: []}", want: "spec.template.spec"},
		"unknown field":                     {spec: "replica: 3", want: `unknown field "spec.replica"`},
		"long name":                         {name: strings.Repeat("a", 51), want: "metadata.name must have at most 50 characters"},
		"name that begins with a digit":     {name: "1st", want: "metadata.name names a Service too"},
		"name with a dot":                   {name: "a.b", want: "metadata.name names a Service too"},
	}
	add(t, tests, authenticationRefused())
	add(t, tests, listenersRefused())
	add(t, tests, localAppRefused())
	add(t, tests, networkRefused())
	var refusals []string
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			object := "refused"
			if tt.name != "" {
				object = "'" + tt.name + "'"
			}
			err := api.Client.Create(t.Context(), manifest(t, object, tt.spec), client.DryRunAll, client.FieldValidation("Strict"))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant a refusal with %q", err, tt.want)
				return
			}
			refusals = append(refusals, err.Error())
		})
	}
	if len(refusals) < len(tests) {
		return // some failed, or only some were run
	}
	all := strings.Join(refusals, "\n")
	for path, p := range properties(t) {
		for _, r := range p.Validations {
			if !strings.Contains(r.Rule, "oldSelf") && !strings.Contains(all, r.Message) {
				t.Errorf("%s: no manifest here is refused with %q", path, r.Message)
			}
		}
	}
}

func TestAccepted(t *testing.T) {
	api := testapi.Need(t, server)
	tests := map[string]string{
		"least":                           "",
		"addresses":                       "domains: [example.com, 192.0.2.1, '[2001:db8::1]', EXAMPLE.ORG, localhost]",
		"most domains":                    "domains: [" + strings.Join(mostDomains(), ", ") + "]",
		"no replicas":                     "replicas: 0",
		"another port":                    "listeners: [{name: a, protocol: UDP, port: 5070}]",
		"two listeners":                   "listeners: [{name: a, protocol: UDP}, {name: b, protocol: UDP, port: 5070, advertise: 'b.example:5071'}]",
		"eight listeners":                 "listeners: [" + listeners(8) + "]",
		"a node port each":                "service: {type: NodePort}\nlisteners: [{name: a, protocol: UDP, nodePort: 30060, advertise: a.example}, {name: b, protocol: UDP, port: 5070, nodePort: 30070, advertise: a.example}]",
		"load balancer":                   "service: {type: LoadBalancer, externalTrafficPolicy: Cluster, allocateLoadBalancerNodePorts: false, labels: {a: b}, loadBalancerClass: example.com/lb, loadBalancerSourceRanges: [192.0.2.0/24], annotations: {a: b}}",
		"node port":                       "service: {type: NodePort}\nlisteners: [{name: a, protocol: UDP, advertise: 'sip.example.com:30060'}]",
		"fixed node port":                 "service: {type: NodePort}\nlisteners: [{name: a, protocol: UDP, nodePort: 30060, advertise: 'sip.example.com:30060'}]",
		"load balancer's fixed node port": "service: {type: LoadBalancer}\nlisteners: [{name: a, protocol: UDP, port: 5062, nodePort: 30060}]",
		"families and policies":           "service: {ipFamilies: [IPv6, IPv4], ipFamilyPolicy: RequireDualStack, trafficDistribution: PreferClose, internalTrafficPolicy: Local}",
		"one family":                      "service: {ipFamilies: [IPv6], ipFamilyPolicy: PreferDualStack}",
		"aliases":                         "aliases: [sip.example.com, 'out.example.com:5070', 203.0.113.5, '[2001:db8::1]:5060']",
		"most aliases":                    "aliases: [" + strings.Join(mostDomains(), ",") + "]",
		"advertise a host":                "listeners: [{name: a, protocol: UDP, advertise: sip.example.com}]",
		"advertise IPv4":                  "listeners: [{name: a, protocol: UDP, advertise: '203.0.113.5:5062'}]",
		"advertise digits":                "listeners: [{name: a, protocol: UDP, advertise: '3com.1and1.example:5062'}]",
		"advertise bare IPv6 in brackets": "listeners: [{name: a, protocol: UDP, advertise: '[2001:db8::1]'}]",
		"advertise IPv6":                  "listeners: [{name: a, protocol: UDP, advertise: '[2001:db8::1]:5062'}]",
		"short registrations":             "registrar: {maxExpiresSeconds: 120}",
		"limits":                          "limits: {newPerSecond: 1, messagesPerSecond: 1000000, trusted: [192.0.2.0/24, '2001:db8::/32', 192.0.2.7/32]}",
		"limits of connections":           "limits: {connections: {total: 1, perSource: 1000000, newPerSecond: 1000000}}",
		"egress":                          "egress: {contacts: Any, allow: [127.0.0.0/8, '0.0.0.0/0:5060', '[::/0]:1-65535', 'fe80::/10'], deny: ['192.0.2.7/32:5060-5060', '2001:db8::1/128']}",
		"most egress rules":               "egress: {allow: [" + strings.Join(mostRules(), ",") + "], deny: [" + strings.Join(mostRules(), ",") + "]}",
		"budget in percent":               "podDisruptionBudget: {maxUnavailable: 25%}",
		"budget off":                      "podDisruptionBudget: {enabled: false}",
		"spread and priority":             "topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}]\npriorityClassName: telephony\nrevisionHistoryLimit: 0",
		"inherited metadata":              "inheritedMetadata: {labels: {a: b}, annotations: {example.com/a: b}}",
		"paused":                          "paused: true",
		"a partition":                     "updateStrategy: {partition: 2}",
		"one away":                        "updateStrategy: {maxUnavailable: 1}\nring: {replicas: 1}",
		"two away":                        "updateStrategy: {maxUnavailable: 2, partition: 4096}\nring: {replicas: 3}",
		"a part away":                     "updateStrategy: {maxUnavailable: 100%}",
		"image by digest":                 "image: ghcr.io/sipring/sipring@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"template":                        "template: {labels: {a: b}, spec: {hostNetwork: true, containers: [{name: proxy, resources: {limits: {memory: 1Gi}}}]}}",
	}
	add(t, tests, authenticationAccepted())
	add(t, tests, listenersAccepted())
	add(t, tests, localAppAccepted())
	add(t, tests, networkAccepted())
	for name, spec := range tests {
		t.Run(name, func(t *testing.T) {
			err := api.Client.Create(t.Context(), manifest(t, "accepted", spec), client.DryRunAll, client.FieldValidation("Strict"))
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// add adds further manifests, each under a name of its own.
func add[T any](t *testing.T, to, more map[string]T) {
	t.Helper()
	for name, m := range more {
		if _, twice := to[name]; twice {
			t.Fatalf("two manifests are named %q", name)
		}
		to[name] = m
	}
}

// mostDomains are as many and as long as there may be: 64 of 253 characters.
func mostDomains() []string {
	var domains []string
	for i := range 64 {
		domains = append(domains, fmt.Sprintf("d%04d.%s.example", i, strings.Repeat("abcdefg.", 30)[:239]))
	}
	return domains
}

// mostRules are as many and as long as there may be.
func mostRules() []string {
	var rules []string
	for i := range 64 {
		rules = append(rules, fmt.Sprintf("'[2001:db8:1111:2222:3333:4444:5555:%04x/128]:10000-65535'", i))
	}
	return rules
}

func TestDefaults(t *testing.T) {
	api := testapi.Need(t, server)
	u := manifest(t, "defaults", "")
	if err := api.Client.Create(t.Context(), u, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(u.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	got := v1alpha1.SIPClusterSpec{}
	if err := yaml.UnmarshalStrict(text, &got); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.SIPClusterSpec{
		Replicas:             new(int32(3)),
		Domains:              []v1alpha1.Domain{"example.com"},
		Authentication:       &v1alpha1.Authentication{Open: &v1alpha1.Open{}},
		Listeners:            []v1alpha1.Listener{{Name: "udp", Protocol: "UDP", Port: 5060}},
		Ports:                v1alpha1.Ports{Peer: 7947, Health: 7948, Admin: 9090},
		Service:              v1alpha1.ServiceTemplate{Type: corev1.ServiceTypeClusterIP},
		Ring:                 v1alpha1.Ring{Partitions: 16384, Replicas: 2},
		Registrar:            v1alpha1.Registrar{MinExpiresSeconds: 60, MaxExpiresSeconds: 3600, MaxContacts: 10},
		RevisionHistoryLimit: new(int32(5)), PodDisruptionBudget: v1alpha1.PodDisruptionBudget{Enabled: new(true)},
		DrainSeconds: new(int32(30)), MaxRingSeconds: 600, TokenHours: 24,
		Network:       v1alpha1.Network{Mode: "Service"},
		Egress:        v1alpha1.Egress{Contacts: "Source"},
		Limits:        v1alpha1.Limits{NewPerSecond: 500, MessagesPerSecond: 20000, Connections: v1alpha1.ConnectionLimits{Total: 20000, PerSource: 2000, NewPerSecond: 100}},
		NetworkPolicy: v1alpha1.NetworkPolicy{Enabled: new(true)},
		LogLevel:      "info",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
}

func TestImmutable(t *testing.T) {
	api := testapi.Need(t, server)
	u := manifest(t, "immutable", "service: {type: LoadBalancer, loadBalancerClass: example.com/lb, ipFamilies: [IPv4]}")
	if err := api.Client.Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Client.Delete(context.Background(), u); err != nil {
			t.Error(err)
		}
	})
	tests := map[string]struct {
		patch, want string
	}{
		"partitions":          {`{"spec":{"ring":{"partitions":1024}}}`, "spec.ring.partitions cannot change: proxies that cut the ring differently would lose each other's bindings"},
		"peer port":           {`{"spec":{"ports":{"peer":8000}}}`, "spec.ports.peer cannot change"},
		"SIP port may":        {`{"spec":{"listeners":[{"name":"other","protocol":"UDP","port":5070}]}}`, ""},
		"first family":        {`{"spec":{"service":{"ipFamilies":["IPv6"]}}}`, "spec.service.ipFamilies: the first family cannot change"},
		"second family may":   {`{"spec":{"service":{"ipFamilies":["IPv4","IPv6"],"ipFamilyPolicy":"PreferDualStack"}}}`, ""},
		"copies may":          {`{"spec":{"ring":{"replicas":3}}}`, ""},
		"domains may":         {`{"spec":{"domains":["example.org"]}}`, ""},
		"back to the default": {`{"spec":{"ring":null,"ports":null}}`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "immutable"}}
			err := api.Client.Patch(t.Context(), c, client.RawPatch("application/merge-patch+json", []byte(tt.patch)), client.DryRunAll)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v\nwant a refusal with %q", err, tt.want)
			}
		})
	}
}

// TestLoadBalancerClass: Kubernetes refuses a Service whose class changes, so a
// SIPCluster that asks for it could never be carried out.
func TestLoadBalancerClass(t *testing.T) {
	const refused = "spec.service.loadBalancerClass cannot be changed, set or removed while the Service is a LoadBalancer"
	tests := map[string]struct{ before, after, want string }{
		"changed":                       {"{type: LoadBalancer, loadBalancerClass: example.com/lb}", "{type: LoadBalancer, loadBalancerClass: other}", refused},
		"set later":                     {"{type: LoadBalancer}", "{type: LoadBalancer, loadBalancerClass: example.com/lb}", refused},
		"removed":                       {"{type: LoadBalancer, loadBalancerClass: example.com/lb}", "{type: LoadBalancer}", refused},
		"the same":                      {"{type: LoadBalancer, loadBalancerClass: example.com/lb}", "{type: LoadBalancer, loadBalancerClass: example.com/lb, externalTrafficPolicy: Cluster}", ""},
		"none before and after":         {"{type: LoadBalancer}", "{type: LoadBalancer, externalTrafficPolicy: Cluster}", ""},
		"with the type":                 {"{type: ClusterIP}", "{type: LoadBalancer, loadBalancerClass: example.com/lb}", ""},
		"with the type that is default": {"{}", "{type: LoadBalancer, loadBalancerClass: example.com/lb}", ""},
		"without the type":              {"{type: LoadBalancer, loadBalancerClass: example.com/lb}", "{type: ClusterIP}", ""},
		"with all of it":                {"{type: LoadBalancer, loadBalancerClass: example.com/lb}", "null", ""},
	}
	api := testapi.Need(t, server)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u := manifest(t, "balanced", "service: "+tt.before)
			if err := api.Client.Create(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := api.Client.Delete(context.Background(), u); err != nil {
					t.Error(err)
				}
			})
			after := manifest(t, "balanced", "service: "+tt.after)
			after.SetResourceVersion(u.GetResourceVersion())
			err := api.Client.Update(t.Context(), after, client.DryRunAll)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// listeners are the first n of a list.
func listeners(n int) (list string) {
	for i := range n {
		list += fmt.Sprintf("{name: l%d, protocol: UDP, port: %d}, ", i, 5060+i)
	}
	return list
}

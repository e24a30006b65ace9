package v1alpha1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/testapi"
)

// digest is spec.authentication with these credentials, and what else is given.
func digest(credentials string, more ...string) string {
	return "authentication: {digest: {credentials: {" + credentials + "}}" + strings.Join(append([]string{""}, more...), ", ") + "}"
}

const required = "spec.authentication is required: digest says where the users' passwords are, open: {} lets anybody register and call as anyone"

func authenticationRefused() map[string]refusal {
	const (
		users    = "secrets: [{name: users}]"
		database = "postgres: {connection: {secretName: db, key: uri}"
		service  = "http: {url: 'https://users.example.com/sip'"
		ofSecret = "the name of a Secret is lower-case letters, digits, '-' and '.'"
		oneOf    = "spec.authentication.digest.credentials: exactly one of secrets, postgres and http"
	)
	return map[string]refusal{
		"no authentication":              {spec: "authentication:", want: required},
		"authentication of nothing":      {spec: "authentication: {}", want: "spec.authentication: exactly one of open and digest"},
		"open and digest":                {spec: digest(users, "open: {}"), want: "spec.authentication: exactly one of open and digest"},
		"open is no word":                {spec: "authentication: {open: true}", want: "spec.authentication.open"},
		"open, and trusted":              {spec: "authentication: {open: {}, trusted: [{cidr: 192.0.2.0/24}]}", want: "with open nobody is asked who they are: domains, trusted, outside, assertIdentity and calls need digest"},
		"digest of nothing":              {spec: "authentication: {digest: {}}", want: "spec.authentication.digest.credentials: Required value"},
		"credentials from nowhere":       {spec: digest(""), want: oneOf},
		"credentials from two places":    {spec: digest(users + ", " + database + "}"), want: oneOf},
		"credentials from three places":  {spec: digest(users + ", " + database + "}, " + service + "}"), want: oneOf},
		"no Secret":                      {spec: digest("secrets: []"), want: "should have at least 1 items"},
		"nine Secrets":                   {spec: digest("secrets: [" + strings.Join(secrets(9), ", ") + "]"), want: "must have at most 8 items"},
		"one Secret twice":               {spec: digest("secrets: [{name: users}, {name: users}]"), want: "Duplicate value"},
		"Secret of no name":              {spec: digest("secrets: [{key: users}]"), want: "name: Required value"},
		"Secret's name in capitals":      {spec: digest("secrets: [{name: Users}]"), want: ofSecret},
		"Secret elsewhere":               {spec: digest("secrets: [{name: other/users}]"), want: ofSecret},
		"Secret above":                   {spec: digest("secrets: [{name: ..}]"), want: ofSecret},
		"key of a Secret":                {spec: digest("secrets: [{name: users, key: a/b}]"), want: "the key of a Secret is letters, digits"},
		"key above":                      {spec: digest("secrets: [{name: users, key: ..}]"), want: "the key of a Secret is letters, digits"},
		"Secrets and a database":         {spec: digest("secretSelector: {matchLabels: {a: b}}, " + database + "}"), want: oneOf},
		"every Secret":                   {spec: digest("secretSelector: {}"), want: "secretSelector is empty, and would select every Secret"},
		"every Secret, at length":        {spec: digest("secretSelector: {matchLabels: {}, matchExpressions: []}"), want: "secretSelector is empty, and would select every Secret"},
		"Secrets by no operator":         {spec: digest("secretSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}"), want: "operator In or NotIn with values, or Exists or DoesNotExist without"},
		"Secrets by no values":           {spec: digest("secretSelector: {matchExpressions: [{key: a, operator: In}]}"), want: "operator In or NotIn with values"},
		"Secrets by values of nothing":   {spec: digest("secretSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}"), want: "operator In or NotIn with values"},
		"Secrets by a label's list":      {spec: digest("secretSelector: {matchLabels: {a: [b]}}"), want: "must be of type string"},
		"database without a Secret":      {spec: digest("postgres: {}"), want: "connection: Required value"},
		"database without a key":         {spec: digest("postgres: {connection: {secretName: db}}"), want: "key: Required value"},
		"password in the spec":           {spec: digest("postgres: {connection: 'postgres://sip:secret@db/sip'}"), want: "must be of type object"},
		"query of nobody":                {spec: digest(database + ", query: 'SELECT ha1 FROM subscriber'}"), want: "postgres.query has the user's name as $1"},
		"query of nothing":               {spec: digest(database + ", query: ''}"), want: "at least 1 chars long"},
		"channel of two words":           {spec: digest(database + ", channel: 'a; DROP TABLE b'}"), want: "postgres.channel is a name of letters, digits and '_'"},
		"service without an address":     {spec: digest("http: {}"), want: "url: Required value"},
		"service by another protocol":    {spec: digest("http: {url: 'ldap://users.example.com'}"), want: "http or https, no password in it"},
		"service without a host":         {spec: digest("http: {url: 'https:///sip'}"), want: "http or https, no password in it"},
		"service with a password":        {spec: digest("http: {url: 'https://me:secret@users.example.com/sip'}"), want: "http or https, no password in it"},
		"service with a fragment":        {spec: digest("http: {url: 'https://users.example.com/#sip'}"), want: "http or https, no password in it"},
		"certificate in the clear":       {spec: digest("http: {url: 'http://users', clientCertificate: {secretName: a}}"), want: "ca and clientCertificate need a url of https"},
		"CA of no use":                   {spec: digest("http: {url: 'http://users', ca: {secretName: a, key: ca.crt}}"), want: "ca and clientCertificate need a url of https"},
		"remembered for no time":         {spec: digest(service + ", cacheSeconds: 0}"), want: "should be greater than or equal to 1"},
		"remembered for weeks":           {spec: digest(database + ", staleSeconds: 604801}"), want: "should be less than or equal to 604800"},
		"no time to answer":              {spec: digest(database + ", timeoutSeconds: 31}"), want: "should be less than or equal to 30"},
		"all at once":                    {spec: digest(service + ", maxConcurrent: 257}"), want: "should be less than or equal to 256"},
		"nonces for a moment":            {spec: "authentication: {digest: {credentials: {" + users + "}, nonceSeconds: 29}}", want: "should be greater than or equal to 30"},
		"nonces for hours":               {spec: "authentication: {digest: {credentials: {" + users + "}, nonceSeconds: 3601}}", want: "should be less than or equal to 3600"},
		"algorithm":                      {spec: "authentication: {digest: {credentials: {" + users + "}, algorithms: [SHA-512-256]}}", want: `supported values: "SHA-256", "MD5"`},
		"algorithm twice":                {spec: "authentication: {digest: {credentials: {" + users + "}, algorithms: [MD5, MD5]}}", want: "spec.authentication.digest.algorithms names one twice"},
		"no algorithm":                   {spec: "authentication: {digest: {credentials: {" + users + "}, algorithms: []}}", want: "at least 1 items"},
		"domain not served":              {spec: digest(users, "domains: [{domain: example.org, open: {}}]"), want: "spec.authentication.domains names a domain that is none of spec.domains"},
		"domain without a rule":          {spec: digest(users, "domains: [{domain: example.com}]"), want: "spec.authentication.domains: either open, or realm and outside"},
		"open domain with a realm":       {spec: digest(users, "domains: [{domain: example.com, open: {}, realm: a}]"), want: "spec.authentication.domains: either open, or realm and outside"},
		"open domain with outside":       {spec: digest(users, "domains: [{domain: example.com, open: {}, outside: Reject}]"), want: "spec.authentication.domains: either open, or realm and outside"},
		"domain with outside of neither": {spec: digest(users, "domains: [{domain: example.com, outside: Never}]"), want: `supported values: "Reject", "Challenge", "Allow"`},
		"rules of one domain":            {spec: digest(users, "domains: [{domain: example.com, open: {}}, {domain: Example.com, realm: a}]"), want: "spec.authentication.domains names a domain twice"},
		"realm with a quote":             {spec: digest(users, `domains: [{domain: example.com, realm: 'a"b'}]`), want: "a realm is ASCII"},
		"realm with a backslash":         {spec: digest(users, `domains: [{domain: example.com, realm: 'a\b'}]`), want: "a realm is ASCII"},
		"realm of two lines":             {spec: digest(users, `domains: [{domain: example.com, realm: "a\nb"}]`), want: "a realm is ASCII"},
		"realm with a colon":             {spec: digest(users, "domains: [{domain: example.com, realm: 'a:b'}]"), want: "a realm is ASCII"},
		"source: address":                {spec: digest(users, "trusted: [{cidr: 192.0.2.1}]"), want: "spec.authentication.trusted holds prefixes such as 192.0.2.0/24"},
		"source: bits":                   {spec: digest(users, "trusted: [{cidr: 192.0.2.1/24}]"), want: "no bits beyond their length set"},
		"source: mapped":                 {spec: digest(users, "trusted: [{cidr: '::ffff:c000:200/120'}]"), want: "spec.authentication.trusted holds prefixes"},
		"source: a name":                 {spec: digest(users, "trusted: [{cidr: gw.example.com}]"), want: "spec.authentication.trusted holds prefixes"},
		"source twice":                   {spec: digest(users, "trusted: [{cidr: 192.0.2.0/24}, {cidr: 192.0.2.0/24, identity: Any}]"), want: "Duplicate value"},
		"source in two spellings":        {spec: digest(users, "trusted: [{cidr: '2001:db8::/32'}, {cidr: '2001:DB8:0::/32'}]"), want: "spec.authentication.trusted has one prefix twice"},
		"trusted to be somebody":         {spec: digest(users, "trusted: [{cidr: 192.0.2.0/24, identity: Inside}]"), want: `supported values: "Outside", "Any"`},
		"outside":                        {spec: digest(users, "outside: Drop"), want: `supported values: "Reject", "Challenge", "Allow"`},
		"no call being set up":           {spec: digest(users, "calls: {inSetup: 0}"), want: "should be greater than or equal to 1"},
		"no call a minute":               {spec: digest(users, "calls: {perMinute: 0}"), want: "should be greater than or equal to 1"},
	}
}

func authenticationAccepted() map[string]string {
	return map[string]string{
		"open":           "authentication: {open: {}}",
		"Secrets":        digest("secrets: [{name: users}, {name: more.users, key: a_b.c}]"),
		"most Secrets":   digest("secrets: [" + strings.Join(secrets(8), ", ") + "]"),
		"selected":       digest("secretSelector: {matchLabels: {holds: phones}, matchExpressions: [{key: team, operator: NotIn, values: [a, b]}, {key: old, operator: DoesNotExist}]}"),
		"both":           digest("secrets: [{name: users}], secretSelector: {matchExpressions: [{key: team, operator: Exists}]}"),
		"a database":     digest("postgres: {connection: {secretName: db-app, key: uri}, query: 'SELECT ha1 FROM subscriber WHERE username = $1 AND domain = $2', channel: subscriber_changed, cacheSeconds: 60, staleSeconds: 0, timeoutSeconds: 1, maxConcurrent: 4}"),
		"a service":      digest("http: {url: 'https://users.example.com:8443/sip?from=ring', bearer: {secretName: a, key: token}, ca: {secretName: a, key: ca.crt}, clientCertificate: {secretName: b}}"),
		"a service near": digest("http: {url: 'http://127.0.0.1:8080'}"),
		"a service, v6":  digest("http: {url: 'http://[2001:db8::1]:8080/'}"),
		"algorithms":     "authentication: {digest: {credentials: {secrets: [{name: users}]}, algorithms: [MD5], nonceSeconds: 3600, bindSource: true}}",
		"all else": "domains: [example.com, example.org, '[2001:db8::1]']\n" + digest("secrets: [{name: users}]",
			"domains: [{domain: example.com, realm: 'Example & Co. [1]'}, {domain: EXAMPLE.org, open: {}}, {domain: '[2001:DB8::1]', realm: a}]",
			"trusted: [{cidr: 192.0.2.0/24, identity: Any}, {cidr: '2001:db8::/32'}, {cidr: 192.0.2.7/32}]",
			"outside: Challenge", "assertIdentity: true", "calls: {perMinute: 100000, inSetup: 100000}"),
		"most sources":            digest("secrets: [{name: users}]", "trusted: ["+strings.Join(sources(64), ", ")+"]"),
		"a rule for every domain": "domains: [" + strings.Join(mostDomains(), ", ") + "]\n" + digest("secrets: [{name: users}]", "domains: ["+strings.Join(each("{domain: %s, open: {}}", mostDomains()), ", ")+"]"),
	}
}

// secrets are the first n of a list.
func secrets(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("{name: users-%d}", i))
	}
	return list
}

// sources are n prefixes as long as there may be.
func sources(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("{cidr: '2001:db8:1111:2222:3333:4444:5555:%04x/128'}", i))
	}
	return list
}

func each(format string, values []string) (list []string) {
	for _, v := range values {
		list = append(list, fmt.Sprintf(format, v))
	}
	return list
}

func TestAuthenticationDefaults(t *testing.T) {
	api := testapi.Need(t, server)
	asking := v1alpha1.Asking{CacheSeconds: 300, StaleSeconds: new(int32(86400)), TimeoutSeconds: 3, MaxConcurrent: 16}
	both := []v1alpha1.Algorithm{"SHA-256", "MD5"}
	tests := map[string]v1alpha1.Authentication{
		digest("secrets: [{name: users}]", "trusted: [{cidr: 192.0.2.0/24}]", "domains: [{domain: example.com, outside: Allow}]"): {
			Domains: []v1alpha1.DomainAuthentication{{Domain: "example.com", Outside: "Allow"}},
			Digest:  &v1alpha1.Digest{Credentials: v1alpha1.Credentials{Secrets: []v1alpha1.CredentialsSecret{{Name: "users"}}}, Algorithms: both, NonceSeconds: 300},
			Trusted: []v1alpha1.TrustedSource{{CIDR: "192.0.2.0/24", Identity: "Outside"}},
		},
		digest("postgres: {connection: {secretName: db, key: uri}}"): {
			Digest: &v1alpha1.Digest{Credentials: v1alpha1.Credentials{Postgres: &v1alpha1.PostgresCredentials{Connection: v1alpha1.SecretReference{SecretName: "db", Key: "uri"}, Asking: asking}}, Algorithms: both, NonceSeconds: 300},
		},
		digest("http: {url: 'https://a'}"): {
			Digest: &v1alpha1.Digest{Credentials: v1alpha1.Credentials{HTTP: &v1alpha1.HTTPCredentials{URL: "https://a", Asking: asking}}, Algorithms: both, NonceSeconds: 300},
		},
	}
	for spec, want := range tests {
		u := manifest(t, "defaults", spec)
		if err := api.Client.Create(t.Context(), u, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(u.Object["spec"])
		if err != nil {
			t.Fatal(err)
		}
		got := v1alpha1.SIPClusterSpec{}
		if err := yaml.UnmarshalStrict(text, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&want, got.Authentication); d != "" {
			t.Errorf("%s: defaults (-want +got):\n%s", spec, d)
		}
	}
}

// TestAuthenticationIsNotRequiredOfWhatIsThere: a SIPCluster from before it was can be
// changed, scaled and labelled as before; once it has it, it cannot be taken away.
func TestAuthenticationIsNotRequiredOfWhatIsThere(t *testing.T) {
	api := testapi.Need(t, server)
	fromBefore(t, api, "old")
	merge := func(patch string) error {
		c := &v1alpha1.SIPCluster{}
		c.Namespace, c.Name = "default", "old"
		return api.Client.Patch(t.Context(), c, client.RawPatch("application/merge-patch+json", []byte(patch)))
	}
	for _, patch := range []string{
		`{"metadata":{"annotations":{"sipring.io/rotate-keys":"1"}}}`,
		`{"spec":{"replicas":5}}`,
		`{"spec":{"domains":["example.com","example.org"],"service":{"type":"LoadBalancer"}}}`,
	} {
		if err := merge(patch); err != nil {
			t.Errorf("%s: %v", patch, err)
		}
	}
	api.Kubectl(t, "", "--namespace", "default", "scale", "sipcluster/old", "--replicas=2")
	status := `{"status":{"epoch":7}}`
	c := &v1alpha1.SIPCluster{}
	c.Namespace, c.Name = "default", "old"
	if err := api.Client.Status().Patch(t.Context(), c, client.RawPatch("application/merge-patch+json", []byte(status))); err != nil {
		t.Errorf("its status: %v", err)
	}
	if err := merge(`{"spec":{"replicas":-1}}`); err == nil {
		t.Error("what else is wrong of it is taken")
	}
	if err := merge(`{"spec":{"authentication":{}}}`); err == nil || !strings.Contains(err.Error(), "exactly one of open and digest") {
		t.Errorf("half an authentication: %v", err)
	}
	if err := merge(`{"spec":{"authentication":{"open":{}}}}`); err != nil {
		t.Fatal(err)
	}
	for _, patch := range []string{`{"spec":{"authentication":null}}`, `{"spec":{"authentication":null,"replicas":4}}`} {
		if err := merge(patch); err == nil || !strings.Contains(err.Error(), required) {
			t.Errorf("%s: %v, want a refusal with %q", patch, err, required)
		}
	}
	if err := merge(`{"spec":{"authentication":{"open":null,"digest":{"credentials":{"secrets":[{"name":"users"}]}}}}}`); err != nil {
		t.Error(err)
	}
}

// fromBefore makes a SIPCluster without spec.authentication, as one that was there
// before the CRD asked for it.
func fromBefore(t *testing.T, api *testapi.Server, name string) {
	t.Helper()
	without := manifest(t, name, "authentication:")
	rules := strings.Split("spec versions 0 schema openAPIV3Schema properties spec x-kubernetes-validations", " ")
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	if err := api.Client.Get(t.Context(), client.ObjectKey{Name: "sipclusters.sipring.io"}, crd); err != nil {
		t.Fatal(err)
	}
	asks := crd.DeepCopy()
	versions, _, _ := unstructured.NestedSlice(crd.Object, rules[:2]...)
	version := versions[0].(map[string]any)
	all, _, _ := unstructured.NestedSlice(version, rules[3:]...)
	var others []any
	for _, rule := range all {
		if rule.(map[string]any)["message"] != required {
			others = append(others, rule)
		}
	}
	if len(others) != len(all)-1 {
		t.Fatalf("the CRD has %d rules, %d of them another than %q", len(all), len(others), required)
	}
	if err := unstructured.SetNestedSlice(version, others, rules[3:]...); err != nil {
		t.Fatal(err)
	}
	if err := unstructured.SetNestedSlice(crd.Object, versions, rules[:2]...); err != nil {
		t.Fatal(err)
	}
	replace := func(by *unstructured.Unstructured) {
		if err := api.Client.Update(context.Background(), by); err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, done func() bool) {
		err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) { return done(), nil })
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	replace(crd)
	until("a SIPCluster without authentication is taken", func() bool { return api.Client.Create(t.Context(), without.DeepCopy()) == nil })
	t.Cleanup(func() {
		if err := api.Client.Delete(context.Background(), without); err != nil {
			t.Error(err)
		}
	})
	asks.SetResourceVersion(crd.GetResourceVersion())
	replace(asks)
	until("it is refused again", func() bool {
		again := manifest(t, name+"-again", "authentication:")
		return api.Client.Create(t.Context(), again, client.DryRunAll) != nil
	})
}

// TestPageShowsAuthenticationThatIsTaken: the manifests of docs/authentication.md are such
// as the API server takes.
func TestPageShowsAuthenticationThatIsTaken(t *testing.T) {
	api := testapi.Need(t, server)
	text, err := os.ReadFile("../../docs/authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("the page has %d manifests", len(blocks))
	}
	for _, block := range blocks {
		spec, _, _ := strings.Cut(block, "```")
		u := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(spec), &u.Object); err != nil {
			t.Fatalf("%v:\n%s", err, spec)
		}
		u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SIPCluster"))
		u.SetNamespace("default")
		u.SetName("shown")
		if _, there, _ := unstructured.NestedSlice(u.Object, "spec", "domains"); !there {
			_ = unstructured.SetNestedStringSlice(u.Object, []string{"example.com"}, "spec", "domains")
		}
		if err := api.Client.Create(t.Context(), u, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
			t.Errorf("%v:\n%s", err, spec)
		}
	}
}

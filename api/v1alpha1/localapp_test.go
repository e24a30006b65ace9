package v1alpha1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/testapi"
)

// beside is a template with an application's container.
const beside = "template: {spec: {containers: [{name: pbx, image: x}]}}\n"

// ofApp is a localApp at port 5080 with more in it.
func ofApp(more string) string { return beside + "localApp: {port: 5080, " + more + "}" }

// claim is a volumeClaimTemplate.
func claim(name string) string {
	return "{metadata: {name: '" + name + "'}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}"
}

func localAppRefused() map[string]refusal {
	const (
		listening = "spec.localApp.port is also one of spec.listeners, at which the proxy listens in the same pod"
		inner     = "spec.localApp.port is also one of spec.ports (peer, health, admin"
	)
	return map[string]refusal{
		"application without a container":  {spec: "localApp: {port: 5080}", want: "spec.localApp needs the application: put its container into spec.template.spec.containers"},
		"application without a template":   {spec: "template: {labels: {a: b}}\nlocalApp: {port: 5080}", want: "spec.localApp needs the application"},
		"application without a port":       {spec: beside + "localApp: {}", want: "spec.localApp.port: Required value"},
		"application's port 0":             {spec: beside + "localApp: {port: 0}", want: "should be greater than or equal to 1"},
		"application's port of a listener": {spec: beside + "localApp: {port: 5060, proxyPort: 5070}", want: listening},
		"port of a listener by default":    {spec: beside + "listeners: [{name: a, protocol: UDP, port: 5070}, {name: b, protocol: TCP}]\nlocalApp: {port: 5060, protocol: TCP, proxyPort: 5070}", want: listening},
		"application at the admin port":    {spec: ofApp("protocol: TCP") + "\nports: {admin: 5080}", want: inner},
		"application at the proxy's port":  {spec: ofApp("proxyPort: 5080"), want: "spec.localApp: port, the application's, and proxyPort (default 5060), the proxy's for it, are both at 127.0.0.1"},
		"application over TLS":             {spec: ofApp("protocol: TLS"), want: `supported values: "UDP", "TCP"`},
		"users of no expression":           {spec: ofApp("users: '['"), want: "spec.localApp.users"},
		"users of any":                     {spec: ofApp("users: ''"), want: "should be at least 1 chars"},
		"long expression":                  {spec: ofApp("users: " + strings.Repeat("a", 513)), want: "may not be more than 512"},
		"domain of others":                 {spec: ofApp("domains: [example.org]"), want: "spec.localApp.domains names a domain that is none of spec.domains"},
		"when unknown":                     {spec: ofApp("when: Never"), want: `supported values: "Always", "Unregistered", "NoAnswer"`},
		"no time to ring":                  {spec: ofApp("noAnswerSeconds: 0"), want: "should be greater than or equal to 1"},
		"health by readiness":              {spec: ofApp("health: {check: Readiness}"), want: `supported values: "Options", "TCP", "None"`},
		"health too often":                 {spec: ofApp("health: {periodMilliseconds: 99}"), want: "should be greater than or equal to 100"},
		"health never":                     {spec: ofApp("health: {failures: 21}"), want: "should be less than or equal to 20"},
		"unavailable unknown":              {spec: ofApp("unavailable: Drop"), want: `supported values: "NextOwner", "Reject"`},
		"retry never":                      {spec: ofApp("retryAfterSeconds: 3601"), want: "should be less than or equal to 3600"},
		"pinned for days":                  {spec: ofApp("pinSeconds: 86401"), want: "should be less than or equal to 86400"},
		"original by Diversion":            {spec: ofApp("original: Diversion"), want: `supported values: "None", "HistoryInfo", "Header"`},
		"no claims":                        {spec: "volumeClaimTemplates: []", want: "should have at least 1 items"},
		"claims of one name":               {spec: "volumeClaimTemplates: [" + claim("a") + ", " + claim("a") + "]", want: "spec.volumeClaimTemplates: two have one name"},
		"claim without a name":             {spec: "volumeClaimTemplates: [{metadata: {}, spec: {}}]", want: "spec.volumeClaimTemplates[0].metadata.name: Required value"},
		"claim A":                          {spec: "volumeClaimTemplates: [" + claim("A") + "]", want: "spec.volumeClaimTemplates: the name of a volume is lower-case letters, digits and '-'"},
		"nine claims":                      {spec: "volumeClaimTemplates: [" + claims(9) + "]", want: "must have at most 8 items"},
		"claims kept by halves":            {spec: "persistentVolumeClaimRetentionPolicy: {whenDeleted: Keep}", want: `supported values: "Retain", "Delete"`},
	}
}

// claims are so many of different names.
func claims(n int) (list string) {
	for i := range n {
		list += claim(fmt.Sprintf("v%d", i)) + ", "
	}
	return list
}

func localAppAccepted() map[string]string {
	return map[string]string{
		"application":                       ofApp(""),
		"application at a listener of TCP":  beside + "listeners: [{name: a, protocol: UDP}, {name: b, protocol: TCP, port: 5080}]\nlocalApp: {port: 5080}",
		"application over TCP":              beside + "localApp: {port: 5060, protocol: TCP, proxyPort: 5070}",
		"application of UDP at the admin's": beside + "localApp: {port: 9090}",
		"application with all that it has":  ofApp("users: 'conf-[0-9]+|echo', domains: [EXAMPLE.com], when: NoAnswer, noAnswerSeconds: 15, health: {check: TCP, periodMilliseconds: 100, failures: 1}, unavailable: Reject, retryAfterSeconds: 1, pinSeconds: 0, original: HistoryInfo"),
		"longest expression":                ofApp("users: '" + strings.Repeat("[0-9]", 102) + "ab'"),
		"eight claims":                      "volumeClaimTemplates: [" + claims(8) + "]\npersistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}",
		"application of most domains":       ofApp("domains: ["+strings.Join(mostDomains(), ", ")+"]") + "\ndomains: [" + strings.Join(mostDomains(), ", ") + "]",
	}
}

func TestLocalAppDefaults(t *testing.T) {
	api := testapi.Need(t, server)
	u := manifest(t, "defaults", ofApp(""))
	if err := api.Client.Create(t.Context(), u, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	const want = `{"health":{"check":"Options","failures":3,"periodMilliseconds":1000},"noAnswerSeconds":20,"original":"None",` +
		`"pinSeconds":30,"port":5080,"protocol":"UDP","proxyPort":5060,"retryAfterSeconds":5,"unavailable":"NextOwner","when":"Always"}`
	app, _, err := unstructured.NestedMap(u.Object, "spec", "localApp")
	if text, _ := json.Marshal(app); err != nil || string(text) != want {
		t.Errorf("got %s, %v\nwant %s", text, err, want)
	}
}

// TestVolumeClaimTemplatesStay as they are, and what becomes of the claims may change.
func TestVolumeClaimTemplatesStay(t *testing.T) {
	api := testapi.Need(t, server)
	const refused = "spec.volumeClaimTemplates cannot change, come or go, as those of a StatefulSet cannot"
	for name, spec := range map[string]string{"with-claims": "volumeClaimTemplates: [" + claim("mail") + "]", "without-claims": ""} {
		u := manifest(t, name, spec)
		if err := api.Client.Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := api.Client.Delete(context.Background(), u); err != nil {
				t.Error(err)
			}
		})
	}
	const other = `{"spec":{"volumeClaimTemplates":[{"metadata":{"name":"mail"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":%q}}}}]}}`
	tests := map[string]struct{ of, patch, want string }{
		"larger":        {"with-claims", fmt.Sprintf(other, "2Gi"), refused},
		"the same":      {"with-claims", fmt.Sprintf(other, "1Gi"), ""},
		"removed":       {"with-claims", `{"spec":{"volumeClaimTemplates":null}}`, refused},
		"come":          {"without-claims", fmt.Sprintf(other, "1Gi"), refused},
		"policy may":    {"with-claims", `{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Delete"}}}`, ""},
		"the rest may":  {"with-claims", `{"spec":{"replicas":5}}`, ""},
		"nothing there": {"without-claims", `{"spec":{"replicas":5}}`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: tt.of}}
			err := api.Client.Patch(t.Context(), c, client.RawPatch("application/merge-patch+json", []byte(tt.patch)), client.DryRunAll)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

package desired

import (
	"strings"
	"testing"

	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
)

// TestTemplateRefused: what a merge would pass on silently, and what takes from a
// proxy what it works with, is refused in words that say what to do.
func TestTemplateRefused(t *testing.T) {
	tests := map[string]struct{ template, want string }{
		"misspelt field":            {"spec: {tolerationss: []}", `spec.template.spec: unknown field "tolerationss"`},
		"misspelt in a container":   {"spec: {containers: [{name: proxy, imag: x}]}", `unknown field "containers[0].imag"`},
		"wrong case":                {"spec: {terminationgraceperiodseconds: 100}", `unknown field "terminationgraceperiodseconds" (names of fields are case-sensitive`},
		"wrong case in a container": {"spec: {containers: [{name: proxy, Resources: {limits: {memory: 1Gi}}}]}", `unknown field "containers[0].Resources"`},
		"wrong type":                {"spec: {hostNetwork: maybe}", "hostNetwork"},
		"container without name":    {"spec: {containers: [{image: x}]}", "name"},
		"proxy removed":             {"spec: {containers: [{name: proxy, $patch: delete}]}", `the container "proxy" must stay`},
		"proxy twice":               {"spec: {initContainers: [{name: proxy, image: x}]}", `choose another name`},
		"never restarted":           {"spec: {restartPolicy: Never}", "restartPolicy Never would leave a proxy that crashed dead"},
		"no time to drain":          {"spec: {terminationGracePeriodSeconds: 1}", "needs 40 seconds in all: lower spec.drainSeconds"},
		"no token":                  {"spec: {automountServiceAccountToken: false}", "automountServiceAccountToken: false takes from the proxies the token"},
		"command":                   {"spec: {containers: [{name: proxy, command: [sh]}]}", `command of the container "proxy" is the image's own`},
		"args":                      {"spec: {containers: [{name: proxy, args: [proxy, --log-level=debug]}]}", `args of the container "proxy" are the operator's`},
		"environment":               {"spec: {containers: [{name: proxy, env: [{name: POD_IP, value: 192.0.2.1, valueFrom: null}]}]}", "POD_IP"},
		"environment removed":       {"spec: {containers: [{name: proxy, env: [{name: POD_NAME, $patch: delete}]}]}", "POD_NAME"},
		"another port":              {"spec: {containers: [{name: proxy, ports: [{name: other, protocol: UDP, containerPort: 5060}]}]}", "must stay: set it where spec has it"},
		"another probe":             {"spec: {containers: [{name: proxy, readinessProbe: {httpGet: {path: /, port: 80}}}]}", "change their times only"},
		"a second handler":          {"spec: {containers: [{name: proxy, livenessProbe: {exec: {command: [\"true\"]}}}]}", "change their times only"},
		"mount removed":             {"spec: {containers: [{name: proxy, volumeMounts: [{mountPath: /etc/sipring/keys, $patch: delete}]}]}", "keys at /etc/sipring/keys"},
		"file of a mount":           {"spec: {containers: [{name: proxy, volumeMounts: [{name: members, mountPath: /etc/sipring/members, subPath: x}]}]}", "members at /etc/sipring/members"},
		"mount by an expression":    {"spec: {containers: [{name: proxy, volumeMounts: [{name: keys, mountPath: /etc/sipring/keys, subPathExpr: $(POD_NAME)}]}]}", "keys at /etc/sipring/keys"},
		"start-up probe":            {"spec: {containers: [{name: proxy, startupProbe: {exec: {command: [\"false\"]}}}]}", "change their times only"},
		"proxy never restarted":     {"spec: {containers: [{name: proxy, restartPolicy: Never}]}", `restartPolicy Never of the container "proxy" would leave`},
		"proxy by rules restarted":  {"spec: {containers: [{name: proxy, restartPolicy: Always, restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]}]}", "restartPolicyRules"},
		"no time after a hook":      {"spec: {containers: [{name: proxy, lifecycle: {preStop: {sleep: {seconds: 5}}}}]}", "needs 45 seconds in all: lower spec.drainSeconds, shorten the sleep of preStop"},
		"account by its old name":   {"spec: {serviceAccount: other}", "use serviceAccountName"},
		"directive":                 {"spec: {$retainKeys: [{}]}", "a directive of the strategic merge makes no sense"},
		"host name":                 {"spec: {hostname: other}", "hostname: a StatefulSet names its pods itself"},
		"subdomain":                 {"spec: {subdomain: other}", "subdomain: a StatefulSet names its pods itself"},
		"credentials elsewhere":     {"spec: {volumes: [{name: credentials-0, $patch: delete}]}", "credentials-0"},
		"volume removed":            {"spec: {volumes: [{name: config, $patch: delete}]}", "volumes: config is the operator's"},
		"volume replaced":           {"spec: {volumes: [{name: keys, secret: {secretName: mine}}]}", "volumes: keys is the operator's"},
		"label of the selector":     {"labels: {sipring.io/cluster: other}", "labels: sipring.io/cluster is the operator's own"},
		"annotation of the config":  {"annotations: {sipring.io/config: mine}", "annotations: sipring.io/config holds the proxies' configuration"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := StatefulSet(ring(t, withPostgres+"template: {"+tt.template+"}"), "image", "cluster: ring")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// TestTemplateAccepted: what people set is taken.
func TestTemplateAccepted(t *testing.T) {
	for name, template := range map[string]string{
		"more time":                 "spec: {terminationGracePeriodSeconds: 600}",
		"more patient probes":       "spec: {containers: [{name: proxy, readinessProbe: {periodSeconds: 9}, livenessProbe: {failureThreshold: 99}}]}",
		"a host port":               "spec: {containers: [{name: proxy, ports: [{containerPort: 5060, protocol: UDP, hostPort: 5060}]}]}",
		"more environment":          "spec: {containers: [{name: proxy, env: [{name: GOGC, value: \"50\"}]}]}",
		"time for a hook":           "spec: {terminationGracePeriodSeconds: 45, containers: [{name: proxy, lifecycle: {preStop: {sleep: {seconds: 5}}}}]}",
		"always restarted":          "spec: {containers: [{name: proxy, restartPolicy: Always}]}",
		"no service links":          "spec: {enableServiceLinks: false, hostAliases: [{ip: 192.0.2.1, hostnames: [a.example]}]}",
		"another container":         "spec: {containers: [{name: pbx, image: example.com/pbx}], volumes: [{name: voicemail, emptyDir: {}}]}",
		"a token of one's own":      "spec: {automountServiceAccountToken: false, containers: [{name: proxy, volumeMounts: [{name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]}], volumes: [{name: token, projected: {sources: []}}]}",
		"the labels that there are": "labels: {sipring.io/cluster: ring}",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := StatefulSet(ring(t, "template: {"+template+"}"), "image", "cluster: ring"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTemplateDirectives: those of a strategic merge are followed.
func TestTemplateDirectives(t *testing.T) {
	set := must(StatefulSet(ring(t, "template: {spec: {topologySpreadConstraints: [{$patch: replace}]}}"), "image", "cluster: ring"))
	if got := set.Spec.Template.Spec.TopologySpreadConstraints; len(got) != 0 {
		t.Errorf("still spread by %v", got)
	}
}

// TestTemplateKeepsWhatSelects: labels are added to those by which pods are found.
func TestTemplateKeepsWhatSelects(t *testing.T) {
	set := must(StatefulSet(ring(t, everything), "image", "cluster: ring"))
	for key, want := range SelectorLabels("ring") {
		if got := set.Spec.Template.Labels[key]; got != want {
			t.Errorf("label %s is %q, want %q", key, got, want)
		}
	}
	if set.Spec.Template.Labels["team"] != "voice" || set.Spec.Template.Annotations["note"] != "yes" {
		t.Error("labels or annotations of the template are missing")
	}
}

// TestBindingFollowsTheAccount: pods that run as another account have the rights of
// a proxy, and those that are not rolled yet keep them.
func TestBindingFollowsTheAccount(t *testing.T) {
	names := func(b *rbacv1ac.RoleBindingApplyConfiguration) string {
		var all []string
		for _, s := range b.Subjects {
			all = append(all, *s.Namespace+"/"+*s.Name)
		}
		return strings.Join(all, " ")
	}
	for template, want := range map[string]string{
		"": "voice/ring-proxy",
		"template: {spec: {serviceAccountName: other}}":      "voice/ring-proxy voice/other",
		"template: {spec: {serviceAccountName: ring-proxy}}": "voice/ring-proxy",
	} {
		if got := names(RoleBinding(ring(t, template))); got != want {
			t.Errorf("%q binds %s, want %s", template, got, want)
		}
	}
}

// TestTemplatePolicy: what a level of the pod security standards forbids is refused
// with what would allow it.
func TestTemplatePolicy(t *testing.T) {
	const secure = "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}"
	tests := map[string]struct {
		template, level string
		allow           []string
		want            string
	}{
		"nothing special":             {"{spec: {nodeSelector: {a: b}}}", "restricted", nil, ""},
		"privileged":                  {"{spec: {containers: [{name: proxy, securityContext: {privileged: true}}]}}", "baseline", nil, "privileged"},
		"a path of the node":          {"{spec: {volumes: [{name: etc, hostPath: {path: /etc}}]}}", "baseline", nil, "hostPath"},
		"a path of the node, allowed": {"{spec: {volumes: [{name: etc, hostPath: {path: /etc}}]}}", "privileged", nil, ""},
		"root":                        {"{spec: {securityContext: {runAsUser: 0, runAsNonRoot: false}}}", "restricted", nil, "runAsNonRoot"},
		"the node's network":          {"{spec: {hostNetwork: true}}", "restricted", nil, "--template-allow=hostNetwork"},
		"it is allowed":               {"{spec: {hostNetwork: true}}", "restricted", []string{"hostNetwork"}, ""},
		"but not a port with it":      {"{spec: {hostNetwork: true, hostPID: true}}", "restricted", []string{"hostNetwork"}, "hostPID"},
		"a container that says less":  {"{spec: {containers: [{name: pbx, image: x}]}}", "restricted", nil, `"pbx"`},
		"one that says it":            {"{spec: {containers: [{name: pbx, image: x, " + secure + "}]}}", "restricted", nil, ""},
		"enough for baseline":         {"{spec: {containers: [{name: pbx, image: x}]}}", "baseline", nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			policy, err := NewTemplatePolicy(tt.level, tt.allow)
			if err != nil {
				t.Fatal(err)
			}
			c := ring(t, "template: "+tt.template)
			err = policy.Check(c, must(StatefulSet(c, "image", "cluster: ring")).Spec.Template)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestTemplatePolicyRefuses(t *testing.T) {
	if _, err := NewTemplatePolicy("strict", nil); err == nil {
		t.Error("a level that there is not")
	}
	if _, err := NewTemplatePolicy("restricted", []string{"everything"}); err == nil {
		t.Error("something that has no name")
	}
}

package charts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/sipring/sipring/controllers/testapi"
)

// TestParentChart: as a dependency of another chart it is turned on and off by the
// condition, and heeds what the parent sets for all of its charts.
func TestParentChart(t *testing.T) {
	parent := t.TempDir()
	for name, text := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: telephony\nversion: 1.0.0\n" +
			"dependencies:\n- {name: sipring, version: \"*\", condition: sipring.enabled}\n",
		"values.yaml": "sipring:\n  enabled: true\nglobal:\n  imageRegistry: registry.example.com:5000\n  imagePullSecrets: [one, {name: two}]\n  ours: [1]\n",
	} {
		if err := os.WriteFile(filepath.Join(parent, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(parent, "charts", "sipring"), os.DirFS("sipring")); err != nil {
		t.Fatal(err)
	}
	rendered := parsed(t, helm(t, "template", "voice", parent, "--set", "sipring.imagePullSecrets[0].name=two,sipring.imagePullSecrets[1].name=three"))
	d := into[appsv1.Deployment](t, rendered, "Deployment/voice-sipring-operator")
	if image := d.Spec.Template.Spec.Containers[0].Image; image != "registry.example.com:5000/sipring/sipring:v0.1.0" {
		t.Errorf("image %s is not of the parent's registry", image)
	}
	var secrets []string
	for _, s := range d.Spec.Template.Spec.ImagePullSecrets {
		secrets = append(secrets, s.Name)
	}
	if got := strings.Join(secrets, " "); got != "two three one" {
		t.Errorf("pull secrets %q, want its own and the parent's", got)
	}
	if off := helm(t, "template", "voice", parent, "--set", "sipring.enabled=false"); strings.TrimSpace(off) != "" {
		t.Errorf("turned off it still renders\n%s", off)
	}
}

// TestImageTags: a tag may be a number, on the command line and in a file.
func TestImageTags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte("image: {tag: 20261126}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"v0.1.0":   nil,
		"1":        {"--set", "image.tag=1"},
		"0":        {"--set-json", "image.tag=0"},
		"20261126": {"--values", file},
		"1.10":     {"--set-string", "image.tag=1.10"},
	} {
		d := into[appsv1.Deployment](t, objects(t, args...), "Deployment/"+operator)
		c := d.Spec.Template.Spec.Containers[0]
		if image := "ghcr.io/sipring/sipring:" + want; c.Image != image || c.Env[0].Value != image {
			t.Errorf("%v: image %s, of the proxies %s, want %s", args, c.Image, c.Env[0].Value, image)
		}
	}
}

// TestChartRefusesWhatCannotWork: it is refused when rendered, in words that say
// what to set.
func TestChartRefusesWhatCannotWork(t *testing.T) {
	binary := helmBinary(t)
	for name, c := range map[string]struct{ set, want string }{
		"a lease below the time to renew":  {"leaderElection.lease=1s", "leaderElection.lease (1s) must be longer than leaderElection.renew (3s)"},
		"a lease of an hour below it":      {"leaderElection.lease=1h,leaderElection.renew=60m", "leaderElection.lease (1h) must be longer than leaderElection.renew (60m)"},
		"a namespace of Kubernetes":        {"watchNamespaces={east,kube-system}", "watchNamespaces: kube-system belongs to Kubernetes itself, and the operator writes nothing there: leave it out"},
		"Secrets of a namespace not its":   {"watchNamespaces={east},rbac.secretSelectorNamespaces={west}", "rbac.secretSelectorNamespaces: west is none of watchNamespaces"},
		"a lease of the time to renew":     {"leaderElection.lease=3000ms", "must be longer than leaderElection.renew"},
		"renewing that has one try":        {"leaderElection.retry=2s500ms", "must be longer than 1.2 times leaderElection.retry"},
		"retrying without pause":           {"leaderElection.retry=0s", "must be above 0"},
		"an account that nobody names":     {"serviceAccount.create=false", "serviceAccount.name"},
		"a tag that YAML has made shorter": {"image.tag=1.5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			flag := "--set"
			if c.want == "" {
				flag, c.want = "--set-json", "schema"
			}
			out, err := exec.CommandContext(t.Context(), binary, "template", "sipring", "sipring", flag, c.set).CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) {
				t.Errorf("want %q, got %v\n%s", c.want, err, out)
			}
		})
	}
	helm(t, "template", "sipring", "sipring", "--set", "leaderElection.lease=1m1s,leaderElection.renew=1m,leaderElection.retry=49s")
}

// TestChartMissesNamespaces: a watched namespace that is not there is told before
// anything is applied.
func TestChartMissesNamespaces(t *testing.T) {
	api := testapi.Need(t, server)
	install := func(namespaces string) (string, error) {
		cmd := exec.CommandContext(t.Context(), helmBinary(t), "install", "sipring", "sipring", "--namespace", "default", "--dry-run=server",
			"--set", "crd.install=false,watchNamespaces={"+namespaces+"}")
		cmd.Env = append(os.Environ(), "KUBECONFIG="+api.Kubeconfig(t))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := install("default,nobody"); err == nil || !strings.Contains(out, `there is no namespace "nobody"`) {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := install("default"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestNames: the name and the account are those that are set, everywhere.
func TestNames(t *testing.T) {
	for name, set := range map[string]string{
		"everywhere":       "fullnameOverride=voice,serviceAccount.name=teller",
		"named namespaces": "fullnameOverride=voice,serviceAccount.name=teller,serviceAccount.create=false,watchNamespaces={east}",
	} {
		t.Run(name, func(t *testing.T) {
			rendered := objects(t, "--set", set)
			d := into[appsv1.Deployment](t, rendered, "Deployment/voice")
			if d.Spec.Template.Spec.ServiceAccountName != "teller" {
				t.Errorf("pods run as %s", d.Spec.Template.Spec.ServiceAccountName)
			}
			if made := rendered["ServiceAccount/teller"] != nil; made != !strings.Contains(set, "create=false") {
				t.Errorf("account made: %v", made)
			}
			bound := 0
			for key := range rendered {
				if strings.Contains(key, "RoleBinding/") {
					bound++
					if b := into[rbacv1.RoleBinding](t, rendered, key); b.Subjects[0].Name != "teller" {
						t.Errorf("%s binds %s", key, b.Subjects[0].Name)
					}
				}
				if strings.Contains(key, "sipring-operator") {
					t.Errorf("%s has the name that was overridden", key)
				}
			}
			if bound == 0 {
				t.Error("nothing binds the account")
			}
		})
	}
}

// TestExtras: arguments, environment and spread are added to, or take the place
// of, the chart's own.
func TestExtras(t *testing.T) {
	pod := into[appsv1.Deployment](t, objects(t, "--set", "extraArgs={--metrics-address=:9999},extraEnv[0].name=GOGC,extraEnv[0].value=off",
		"--set-json", `topologySpreadConstraints=[{"maxSkew":2,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]`), "Deployment/"+operator).Spec.Template.Spec
	c := pod.Containers[0]
	if c.Args[len(c.Args)-1] != "--metrics-address=:9999" || c.Env[len(c.Env)-1] != (corev1.EnvVar{Name: "GOGC", Value: "off"}) {
		t.Errorf("arguments %v, environment %v", c.Args, c.Env)
	}
	if s := pod.TopologySpreadConstraints; len(s) != 1 || s[0].TopologyKey != "zone" {
		t.Errorf("spread %+v", s)
	}
	for args, want := range map[string]int{"topologySpreadConstraints=null": 1, "topologySpreadConstraints=[]": 0} {
		d := into[appsv1.Deployment](t, objects(t, "--set-json", args), "Deployment/"+operator)
		if got := len(d.Spec.Template.Spec.TopologySpreadConstraints); got != want {
			t.Errorf("%s: %d constraints, want %d", args, got, want)
		}
	}
}

// TestAggregatedRoles: who may view a namespace sees its SIPClusters, who may edit
// it changes them; nobody is given their status.
func TestAggregatedRoles(t *testing.T) {
	rendered := objects(t)
	for kind, want := range map[string]string{"view": "get list watch", "edit": "get create update patch delete deletecollection"} {
		role := into[rbacv1.ClusterRole](t, rendered, "ClusterRole/telephony:sipring-operator-"+kind)
		if role.Labels["rbac.authorization.k8s.io/aggregate-to-"+kind] != "true" || role.Labels["rbac.authorization.k8s.io/aggregate-to-admin"] != "true" {
			t.Errorf("%s is not part of its role: %v", kind, role.Labels)
		}
		if got := strings.Join(role.Rules[0].Verbs, " "); got != want {
			t.Errorf("%s may %q, want %q", kind, got, want)
		}
	}
	for key := range objects(t, "--set", "rbac.aggregate=false") {
		if strings.HasSuffix(key, "-view") || strings.HasSuffix(key, "-edit") {
			t.Errorf("%s though it is turned off", key)
		}
	}
}

// TestOperatorNetworkPolicy: the policy selects the operator's pods and opens the
// ports that they have.
func TestOperatorNetworkPolicy(t *testing.T) {
	rendered := objects(t, "--set-json", `networkPolicy.metricsFrom=[{"namespaceSelector":{"matchLabels":{"a":"b"}}}]`)
	p, d := into[networkingv1.NetworkPolicy](t, rendered, "NetworkPolicy/"+operator), into[appsv1.Deployment](t, rendered, "Deployment/"+operator)
	if !selects(t, &p.Spec.PodSelector, d.Spec.Template.Labels) {
		t.Errorf("%v does not select the operator", p.Spec.PodSelector)
	}
	open := map[string]int{}
	for _, rule := range p.Spec.Ingress {
		for _, port := range rule.Ports {
			open[port.Port.StrVal] = len(rule.From)
		}
	}
	for _, port := range d.Spec.Template.Spec.Containers[0].Ports {
		if _, ok := open[port.Name]; !ok {
			t.Errorf("port %s is closed", port.Name)
		}
	}
	if open["metrics"] != 1 || open["health"] != 0 {
		t.Errorf("open to %v: metrics for whom it is said, health for every kubelet", open)
	}
	if objects(t, "--set", "networkPolicy.enabled=false")["NetworkPolicy/"+operator] != nil {
		t.Error("a policy though it is turned off")
	}
}

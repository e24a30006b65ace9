package controllers_test

import (
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/testapi"
	"github.com/sipring/sipring/proxy/config"
)

// as is a client of a service account of the bench's namespace, by a token that is
// bound to the pod; none for a token of no pod.
func (b *bench) as(api *testapi.Server, account, pod string) client.Client {
	b.Helper()
	to := rest.CopyConfig(api.Config)
	to.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + b.ns + ":" + account,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + b.ns, "system:authenticated", "system:masters"},
	}
	if pod != "" {
		to.Impersonate.Extra = map[string][]string{"authentication.kubernetes.io/pod-name": {pod}}
	}
	c, err := client.New(to, client.Options{Scheme: b.client.Scheme()})
	b.ok(err)
	return c
}

// TestAProxyWritesItsOwnLeaseAlone: what a pod says of others it says in its own
// name, whatever its account may do by RBAC.
func TestAProxyWritesItsOwnLeaseAlone(t *testing.T) {
	api := testapi.Need(t, server)
	for _, file := range []string{"leases.yaml", "leases_binding.yaml"} {
		api.Kubectl(t, "", "apply", "--server-side", "--force-conflicts", "-f", "../config/rbac/"+file)
	}
	b := newBench(t)
	lease := func(name, cluster string) *coordinationv1.Lease {
		l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: name}}
		if cluster != "" {
			l.Labels = map[string]string{config.LabelCluster: cluster}
		}
		return l
	}
	write := func(account, pod, name, cluster string) error {
		c := b.as(api, account, pod)
		l := lease(name, cluster)
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(l), l); err != nil {
			return c.Create(t.Context(), l)
		}
		l.Labels = lease(name, cluster).Labels
		l.Annotations = map[string]string{config.AnnotationSuspects: time.Now().String()}
		return c.Update(t.Context(), l)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) { // until the API server has the policy
		if err := write("ring-proxy", "ring-0", "ring-9", "ring"); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the policy is not in force")
		}
	}
	for _, name := range []string{"ring-0", "ring-1"} {
		b.ok(b.client.Create(t.Context(), lease(name, "ring"))) // an administrator's doing: nobody's business
	}
	for name, tt := range map[string]struct {
		account, pod, lease, cluster string
		ok                           bool
	}{
		"its own":                            {"ring-proxy", "ring-0", "ring-0", "ring", true},
		"its own, which is new":              {"ring-proxy", "ring-5", "ring-5", "ring", true},
		"that of another":                    {"ring-proxy", "ring-0", "ring-1", "ring", false},
		"that of another, no longer labeled": {"ring-proxy", "ring-0", "ring-1", "", false},
		"that of one that is to come":        {"ring-proxy", "ring-0", "ring-2", "ring", false},
		"one of another cluster":             {"ring-proxy", "ring-0", "gong-0", "gong", false},
		"its own for another cluster":        {"ring-proxy", "ring-0", "ring-0", "gong", false},
		"by a token of no pod":               {"ring-proxy", "", "ring-1", "ring", false},
		"by an account of the user's":        {"other", "ring-3", "ring-3", "ring", true},
		"its own without a cluster":          {"ring-proxy", "ring-0", "ring-0", "", false},
		"what is of no cluster":              {"default", "x", "leader", "", true},
	} {
		if err := write(tt.account, tt.pod, tt.lease, tt.cluster); (err == nil) != tt.ok || err != nil && !strings.Contains(err.Error(), "Lease") {
			t.Errorf("%s: %v, want it allowed: %v", name, err, tt.ok)
		}
	}
}

package memberset

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/sipring/sipring/proxy/config"
)

// TestAgainstRealAPIServer proves what no fake can: that a watch without a
// resourceVersion begins with the object, and that the proxy's Role suffices.
func TestAgainstRealAPIServer(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("needs a kube-apiserver and etcd: run make test, or set KUBEBUILDER_ASSETS=$(hack/kube/envtest-assets.sh)")
	}
	env := &envtest.Environment{}
	admin, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	root, proxy := kubernetes.NewForConfigOrDie(admin), proxyClient(t, env, admin)
	prepare(t, root)

	t.Run("the ConfigMap is followed", func(t *testing.T) {
		c := NewConfigMap(proxy, "voice", "ring-members", "", nil, (&journal{}).logger())
		applied := run(t, c)
		wantEpoch(t, applied, 1)
		update := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "ring-members"}, Data: map[string]string{config.MembersKey: content(2, "a")}}
		if _, err := root.CoreV1().ConfigMaps("voice").Update(t.Context(), update, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		wantEpoch(t, applied, 2)
		if n := c.Counters(); n.APIFailures != 0 || !n.APIConnected {
			t.Errorf("counters %+v", n)
		}
	})
	t.Run("the Lease is written", func(t *testing.T) {
		l := NewLease(proxy, leaseConfig(&journal{}))
		runLease(t, l)
		wantSuspects(t, root, "")
		l.Report([]string{"ring-1"}, nil)
		wantSuspects(t, root, "ring-1")
		if n := l.Counters(); n.Failures != 0 {
			t.Errorf("counters %+v", n)
		}
		if o := getLease(t, root).OwnerReferences; len(o) != 1 || o[0].UID != "0a1b" {
			t.Errorf("owners %v", o)
		}
	})
}

// proxyClient is the client of a user with no rights but those of the Role.
func proxyClient(t *testing.T, env *envtest.Environment, admin *rest.Config) kubernetes.Interface {
	t.Helper()
	user, err := env.AddUser(envtest.User{Name: "proxy"}, admin)
	if err != nil {
		t.Fatal(err)
	}
	client, err := NewClient(user.Config())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func prepare(t *testing.T, root kubernetes.Interface) {
	t.Helper()
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "voice"}}
	check(root.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}))
	set := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "ring-members"}, Data: map[string]string{config.MembersKey: content(1, "a")}}
	check(root.CoreV1().ConfigMaps("voice").Create(t.Context(), set, metav1.CreateOptions{}))
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "proxy"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"ring-members"}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create"}},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{"ring-0"}, Verbs: []string{"get", "update", "patch"}},
	}}
	check(root.RbacV1().Roles("voice").Create(t.Context(), role, metav1.CreateOptions{}))
	check(root.RbacV1().RoleBindings("voice").Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "proxy"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "proxy"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "proxy"}},
	}, metav1.CreateOptions{}))
}

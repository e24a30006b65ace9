// Package testapi runs a real kube-apiserver and etcd for tests, with the CRD
// of SIPCluster in it.
package testapi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/controllers"
)

// assets is the variable that names the directory with kube-apiserver and etcd.
const assets = "KUBEBUILDER_ASSETS"

// Server is an API server; nil where there are no binaries to run one.
type Server struct {
	// Config to reach it as an administrator.
	Config *rest.Config
	// Client without a cache.
	Client client.Client

	env *envtest.Environment
}

// User returns the configuration of a user that may do what the ClusterRole of
// the file allows, and nothing else.
func (s *Server) User(t testing.TB, name, path string) *rest.Config {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(text, role); err != nil {
		t.Fatal(err)
	}
	role.Name = name
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
	binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	binding.Subjects = []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}}
	for _, o := range []client.Object{role, binding} {
		if err := s.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	user, err := s.env.AddUser(envtest.User{Name: name}, s.Config)
	if err != nil {
		t.Fatal(err)
	}
	return user.Config()
}

// Run runs a package's tests with an API server, for TestMain. Without the
// binaries use is given nil, and tests call Need.
func Run(m *testing.M, use func(*Server)) int {
	if os.Getenv(assets) == "" {
		use(nil)
		return m.Run()
	}
	_, here, _, _ := runtime.Caller(0)
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join(filepath.Dir(here), "../../config/crd/bases")},
		ErrorIfCRDPathMissing: true,
	}
	defer func() {
		if err := env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the API server:", err)
		}
	}()
	server, err := start(env)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the API server:", err)
		return 1
	}
	use(server)
	return m.Run()
}

// Kubectl runs kubectl as an administrator, with input, and returns its output.
func (s *Server) Kubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	//nolint:gosec // the binary beside the API server's, with a test's own arguments
	cmd := exec.CommandContext(t.Context(), filepath.Join(os.Getenv(assets), "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig(t))
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Kubeconfig is a file by which an administrator reaches the server.
func (s *Server) Kubeconfig(t *testing.T) string {
	t.Helper()
	admin, err := s.env.AddUser(envtest.User{Name: "kubectl", Groups: []string{"system:masters"}}, s.Config)
	if err != nil {
		t.Fatal(err)
	}
	text, err := admin.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func start(env *envtest.Environment) (*Server, error) {
	// Services of both families, the first where nothing is said.
	env.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/16,fd00:96::/112")
	cfg, err := env.Start()
	if err != nil {
		return nil, err
	}
	cfg.QPS = -1
	scheme, err := controllers.NewScheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	return &Server{Config: cfg, Client: c, env: env}, err
}

// Need fails the test where there is no API server: skipped, it would be taken
// for one that passed.
func Need(t testing.TB, s *Server) *Server {
	t.Helper()
	// Asked for here too, because the cache of test results takes note only of
	// what is read while tests run.
	if os.Getenv(assets) == "" || s == nil {
		t.Fatalf("needs a kube-apiserver and etcd: run make test, or set %s=$(hack/kube/envtest-assets.sh)", assets)
	}
	return s
}

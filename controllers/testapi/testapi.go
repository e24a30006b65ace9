// Package testapi runs a real kube-apiserver and etcd for tests, with the CRD
// of SIPCluster in it.
package testapi

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

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

func start(env *envtest.Environment) (*Server, error) {
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
	return &Server{Config: cfg, Client: c}, err
}

// Need skips the test where there is no API server.
func Need(t *testing.T, s *Server) *Server {
	t.Helper()
	// Asked for here too, because the cache of test results takes note only of
	// what is read while tests run.
	if os.Getenv(assets) == "" || s == nil {
		t.Skipf("needs a kube-apiserver and etcd: set %s, or run make test", assets)
	}
	return s
}

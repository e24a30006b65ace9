//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// ErrNotLocal is returned, wrapped with what was asked for, by everything
// that needs the machines of a local cluster, when the cluster is the user's.
var ErrNotLocal = errors.New("cluster is not a local one of hack/kube: no access to its machines")

// Cluster is a running cluster. Its methods may be called concurrently,
// except Down.
type Cluster struct {
	state      *state // nil if not local
	kubeconfig string
	client     kubernetes.Interface
}

// Open returns the cluster that runs with its files below stateDir; an empty
// stateDir means DefaultStateDir. It fails if the cluster is not complete.
func Open(stateDir string) (*Cluster, error) {
	dir, err := checkStateDir(orDefault(stateDir, DefaultStateDir))
	if err != nil {
		return nil, err
	}
	s, err := loadState(dir)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, fmt.Errorf("no cluster in %s", dir)
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	c, err := FromKubeconfig(filepath.Join(dir, kubeconfigOut))
	if err != nil {
		return nil, err
	}
	c.state = s
	return c, nil
}

// FromKubeconfig returns the cluster that the kubeconfig at path names. If it
// is the kubeconfig of a local cluster, the cluster is local as with Open.
func FromKubeconfig(path string) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %q: %w", path, err)
	}
	// Tests ask often and at once; the server has its own limits.
	config.QPS, config.Burst = 200, 400
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %q: %w", path, err)
	}
	c := &Cluster{kubeconfig: path, client: client}
	s, err := loadState(filepath.Dir(path))
	if err == nil && s != nil && filepath.Base(path) == kubeconfigOut && s.complete() == nil {
		c.state = s
	}
	return c, nil
}

// complete tells whether every machine that was started still runs.
func (s *state) complete() error {
	if want := s.Options.Nodes + 1; len(s.Machines) != want {
		return fmt.Errorf("cluster in %s has %d machines of %d", s.Options.StateDir, len(s.Machines), want)
	}
	for _, m := range s.Machines {
		if !m.alive() {
			return fmt.Errorf("machine %s of the cluster in %s does not run", m.Machine, s.Options.StateDir)
		}
	}
	return nil
}

// Local tells whether the cluster's machines are at hand. If not, tests that
// need them have a reason to skip: ErrNotLocal.
func (c *Cluster) Local() bool { return c.state != nil }

// Kubeconfig is the path of an administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

// Client speaks to the API server as administrator.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// NodeIP is the IPv4 address of the node of that name in a local cluster.
func (c *Cluster) NodeIP(node string) (string, error) {
	n, err := c.nodeNumber(node)
	if err != nil {
		return "", err
	}
	return newPlan(c.state.Options.Subnet).node(n), nil
}

// logf reports what happens in the background.
func (c *Cluster) logf(format string, args ...any) {
	if c.Local() && c.state.Options.Logf != nil {
		c.state.Options.Logf(format, args...)
	}
}

// nodeNumber also checks that the cluster is local.
func (c *Cluster) nodeNumber(node string) (int, error) {
	if !c.Local() {
		return 0, fmt.Errorf("node %q: %w", node, ErrNotLocal)
	}
	for n := 1; n <= c.state.Options.Nodes; n++ {
		if NodeName(n) == node {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no node %q", node)
}

// InClient runs f with its thread on the client machine, which is outside the
// cluster: sockets that f opens are the phones'. They stay there after f
// returned. Goroutines that f starts are not on the client machine, so f must
// open its sockets itself. Any address of PhoneNet and PhoneNet6 may be bound to.
func (c *Cluster) InClient(f func() error) error {
	if !c.Local() {
		return fmt.Errorf("client machine: %w", ErrNotLocal)
	}
	return inNetns(c.state.Options.clientNS(), f)
}

// DialClient is net.Dialer.DialContext from the client machine. The address
// must be numeric.
func (c *Cluster) DialClient(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := c.InClient(func() error {
		// Numeric and for one address family: the dial happens in this
		// goroutine, on this thread.
		var err error
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// ClientCommand is exec.CommandContext on the client machine.
func (c *Cluster) ClientCommand(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	if !c.Local() {
		return nil, fmt.Errorf("client machine: %w", ErrNotLocal)
	}
	return nsenter(ctx, c.state.Options.clientNS(), name, args...), nil
}

// nsenter and not "ip netns exec", which mounts another /sys, without cgroups.
func nsenter(ctx context.Context, ns, name string, args ...string) *exec.Cmd {
	full := append([]string{"--net=" + netnsPath(ns), "--", name}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", full...)
	cmd.Stderr = os.Stderr
	return cmd
}

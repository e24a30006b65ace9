//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/hack/kube/cluster"
	"github.com/sipring/sipring/hack/kube/image"
)

// kube is the way into the Kubernetes cluster: its API, its programs, its nodes
// and the machine of the phones.
type kube struct {
	cluster *cluster.Cluster
	stage   *stage
}

// connect brings the local cluster up, with the program under test on every
// node, or connects to the one that KUBECONFIG names.
func (k *kube) connect(ctx context.Context) error {
	if err := k.stage.alone(); err != nil {
		return err
	}
	var err error
	k.cluster, err = cluster.Connect(ctx, cluster.Options{
		Name: k.stage.o.name, StateDir: k.stage.o.state, Subnet: k.stage.o.subnet, IPv6: k.stage.o.ipv6,
		Logf: func(format string, args ...any) { k.stage.step("  "+format, args...) },
	})
	if err != nil {
		return err
	}
	if !k.cluster.Local() {
		k.stage.step("using the cluster of KUBECONFIG=%s", k.cluster.Kubeconfig())
		return nil
	}
	if os.Getenv("KUBECONFIG") == "" && !k.stage.o.keep {
		k.stage.later(k.cluster.Down)
	}
	return k.loadImage(ctx, k.stage.o.image, k.stage.o.binary)
}

// loadImage puts a program on every node.
func (k *kube) loadImage(ctx context.Context, name, binary string) error {
	return k.load(ctx, image.Image{Name: name, Binary: binary})
}

// load puts an image on every node.
func (k *kube) load(ctx context.Context, i image.Image) error {
	dir, err := os.MkdirTemp("", "sipring-e2e-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tar := filepath.Join(dir, "sipring.tar")
	if err := image.Write(tar, i); err != nil {
		return err
	}
	if err := k.cluster.LoadImage(ctx, tar); err != nil {
		return err
	}
	k.stage.step("%s is on every node", i.Name)
	return nil
}

// inClient runs f where the phones' sockets belong.
func (k *kube) inClient(f func() error) error {
	if k.cluster.Local() {
		return k.cluster.InClient(f)
	}
	return f()
}

func (k *kube) clientCommand(ctx context.Context, name string, args ...string) *exec.Cmd {
	if k.cluster.Local() {
		// Its only error is that the cluster is not local.
		if cmd, err := k.cluster.ClientCommand(ctx, name, args...); err == nil {
			return mortal(cmd)
		}
	}
	return mortal(exec.CommandContext(ctx, name, args...))
}

// natCommand is clientCommand behind the NAT.
func (k *kube) natCommand(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd, err := k.cluster.NATCommand(ctx, name, args...)
	if err != nil { // the cluster is not local
		return k.clientCommand(ctx, name, args...)
	}
	return mortal(cmd)
}

// kubectl runs a short command, as a user would.
func (k *kube) kubectl(ctx context.Context, args ...string) (string, error) {
	program := "kubectl"
	if k.cluster.Local() {
		program = filepath.Join("bin", "kube", "kubectl")
	}
	return k.command(ctx, program, args...)
}

// helm runs a command of the pinned Helm.
func (k *kube) helm(ctx context.Context, args ...string) error {
	_, err := k.command(ctx, filepath.Join("bin", "helm"), args...)
	return err
}

func (k *kube) command(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	return k.run(ctx, program, args...)
}

// run runs a command until ctx ends. Its output is returned, and in the error too.
func (k *kube) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	// Caches, too, go with the run.
	cmd.Env = append(os.Environ(), "KUBECONFIG="+k.cluster.Kubeconfig(), "KUBECACHEDIR="+filepath.Join(os.TempDir(), "kube"),
		"HELM_CACHE_HOME="+filepath.Join(os.TempDir(), "helm"), "HELM_CONFIG_HOME="+filepath.Join(os.TempDir(), "helm"),
		"HELM_DATA_HOME="+filepath.Join(os.TempDir(), "helm"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// mortal has the kernel end the command with this program, however it ends.
func mortal(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// serving returns nil once the SIPCluster has so many members in its ring, and
// no other member.
func (k *kube) serving(ctx context.Context, namespace, name string, want int) error {
	c, err := k.sipCluster(ctx, namespace, name)
	if err != nil {
		return err
	}
	if s := c.Status; int(s.ActiveMembers) != want || int(s.TotalMembers) != want || len(s.Members) != want {
		return fmt.Errorf("SIPCluster %s: %d of %d members in the ring with %d known, want %d", name, s.ActiveMembers, s.TotalMembers, len(s.Members), want)
	}
	return nil
}

func (k *kube) sipCluster(ctx context.Context, namespace, name string) (*v1alpha1.SIPCluster, error) {
	raw, err := k.cluster.Client().Discovery().RESTClient().Get().
		AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", namespace, "sipclusters", name).DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	c := &v1alpha1.SIPCluster{}
	return c, json.Unmarshal(raw, c)
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/hack/kube/cluster"
	"github.com/sipring/sipring/hack/kube/image"
)

// Names of what is installed.
const (
	namespace         = "sipring-e2e"
	operatorNamespace = "sipring-operator"
	sipCluster        = "voice"
	release           = "sipring"
)

// Addresses of the local cluster: the cluster's own of cluster.VIPNet, the
// others of cluster.PhoneNet.
var (
	vip            = netip.MustParseAddrPort("203.0.113.10:5060")
	phonesAddress  = netip.MustParseAddr("198.51.100.1") // and those after it
	callersAddress = netip.MustParseAddr("198.51.100.250")
	softAddress    = netip.MustParseAddr("198.51.100.240")
)

// env is the cluster, the phones and what watches them.
type env struct {
	o       *options
	cluster *cluster.Cluster
	slices  *sliceLog
	began   time.Time
	local   netip.Addr // the phones', unless each has its own
	tmp     string     // the folder for temporary files, of all programs
	party

	mu   sync.Mutex
	out  io.Writer
	undo []func(context.Context) error
}

func newEnv(o *options, out io.Writer) *env {
	e := &env{o: o, out: out, began: time.Now()}
	e.party = party{callers: callersAddress, softAt: softAddress, phoneAt: e.phoneAddress, in: e.inClient, command: e.clientCommand, step: e.progress}
	return e
}

// progress prints a line.
func (e *env) progress(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(e.out, "%7.1fs  %s\n", time.Since(e.began).Seconds(), fmt.Sprintf(format, args...))
}

// lines has every line of what is written to it become one of progress.
type lines struct {
	step func(format string, args ...any)
}

func (l lines) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		l.step("  %s", strings.TrimRight(line, "\n"))
	}
	return len(text), nil
}

// workspace has this program and all that it starts write temporary files below
// one folder, and looks in the end for what is left on the machine.
func (e *env) workspace(ctx context.Context) error {
	e.tmp = os.TempDir()
	work, err := os.MkdirTemp(e.tmp, "sipring-e2e-work-")
	if err != nil {
		return err
	}
	f := footprint{
		name: e.o.name, state: filepath.Clean(e.o.state), work: work,
		nets: []string{strings.TrimSuffix(e.o.subnet, "0.0/16"), vip.Addr().String(), strings.TrimSuffix(phonesAddress.String(), "1")},
	}
	before := f.look(ctx)
	delete(before, work)
	if !e.o.keep {
		e.later(func(ctx context.Context) error { return f.left(ctx, before) })
	}
	e.later(func(context.Context) error { return os.RemoveAll(work) })
	return os.Setenv("TMPDIR", work)
}

// later is done when the run ends, last first.
func (e *env) later(f func(context.Context) error) { e.undo = append(e.undo, f) }

func (e *env) close() error {
	// Its own context: the run's may be the one that was interrupted.
	ctx, cancel := context.WithTimeout(context.Background(), installLimit)
	defer cancel()
	var errs []error
	for i := len(e.undo) - 1; i >= 0; i-- {
		errs = append(errs, e.undo[i](ctx))
	}
	e.undo = nil
	return errors.Join(errs...)
}

// connect brings the local cluster up, with the program under test on every
// node, or connects to the one that KUBECONFIG names.
func (e *env) connect(ctx context.Context) error {
	if err := e.alone(); err != nil {
		return err
	}
	var err error
	e.cluster, err = cluster.Connect(ctx, cluster.Options{
		Name: e.o.name, StateDir: e.o.state, Subnet: e.o.subnet,
		Logf: func(format string, args ...any) { e.step("  "+format, args...) },
	})
	if err != nil {
		return err
	}
	if !e.cluster.Local() {
		e.step("using the cluster of KUBECONFIG=%s", e.cluster.Kubeconfig())
		return nil
	}
	if os.Getenv("KUBECONFIG") == "" && !e.o.keep {
		e.later(e.cluster.Down)
	}
	if err := e.loadImage(ctx); err != nil {
		return err
	}
	e.step("%s is on every node", e.o.image)
	return nil
}

// loadImage puts the program under test on every node.
func (e *env) loadImage(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sipring-e2e-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tar := filepath.Join(dir, "sipring.tar")
	if err := image.Write(tar, image.Image{Name: e.o.image, Binary: e.o.binary}); err != nil {
		return err
	}
	return e.cluster.LoadImage(ctx, tar)
}

// alone makes sure that no other run uses the same cluster: each would delete
// what the other works with. The kernel frees the lock however the run ends.
func (e *env) alone() error {
	unlock, err := cluster.LockFile(filepath.Clean(e.o.state) + ".run")
	if err != nil {
		return fmt.Errorf("another run uses %s; give this one its own --name, --state and --subnet: %w", e.o.state, err)
	}
	e.later(func(context.Context) error { unlock(); return nil })
	return nil
}

// inClient runs f where the phones' sockets belong.
func (e *env) inClient(f func() error) error {
	if e.cluster.Local() {
		return e.cluster.InClient(f)
	}
	return f()
}

func (e *env) clientCommand(ctx context.Context, name string, args ...string) *exec.Cmd {
	if e.cluster.Local() {
		// Its only error is that the cluster is not local.
		if cmd, err := e.cluster.ClientCommand(ctx, name, args...); err == nil {
			return mortal(cmd)
		}
	}
	return mortal(exec.CommandContext(ctx, name, args...))
}

// mortal has the kernel end the command with this program, however it ends.
func mortal(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// kubectl runs a short command, as a user would.
func (e *env) kubectl(ctx context.Context, args ...string) (string, error) {
	program := "kubectl"
	if e.cluster.Local() {
		program = filepath.Join("bin", "kube", "kubectl")
	}
	return e.command(ctx, program, args...)
}

// helm runs a command of the pinned Helm.
func (e *env) helm(ctx context.Context, args ...string) error {
	_, err := e.command(ctx, filepath.Join("bin", "helm"), args...)
	return err
}

func (e *env) command(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	// Caches, too, go with the run.
	cmd.Env = append(os.Environ(), "KUBECONFIG="+e.cluster.Kubeconfig(), "KUBECACHEDIR="+filepath.Join(os.TempDir(), "kube"),
		"HELM_CACHE_HOME="+filepath.Join(os.TempDir(), "helm"), "HELM_CONFIG_HOME="+filepath.Join(os.TempDir(), "helm"),
		"HELM_DATA_HOME="+filepath.Join(os.TempDir(), "helm"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// reach finds the address that phones use: the load balancer's. For a local
// cluster it is the load balancer.
func (e *env) reach(ctx context.Context) error {
	if e.cluster.Local() {
		e.proxy = vip
		announcing, stop := context.WithCancel(context.WithoutCancel(ctx))
		wait, err := e.cluster.AnnounceVIP(announcing, namespace, sipCluster, vip.Addr().String())
		if err != nil {
			stop()
			return err
		}
		e.later(func(context.Context) error { stop(); wait(); return nil })
		return nil
	}
	address := e.o.address
	if address == "" {
		err := eventually(ctx, installLimit, func(ctx context.Context) error {
			s, err := e.cluster.Client().CoreV1().Services(namespace).Get(ctx, sipCluster, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if len(s.Status.LoadBalancer.Ingress) == 0 || s.Status.LoadBalancer.Ingress[0].IP == "" {
				return errors.New("the Service has no load balancer's IP address; --address names one")
			}
			address = s.Status.LoadBalancer.Ingress[0].IP + ":5060"
			return nil
		})
		if err != nil {
			return err
		}
	}
	var err error
	if e.proxy, err = netip.ParseAddrPort(address); err != nil {
		return fmt.Errorf("address of the cluster: %w", err)
	}
	return e.ownAddress(ctx)
}

// phoneAddress is the address of phone i. On the client machine each has its
// own, as long as they last: where a flow moves to a node that knows the phone
// from another flow, the kernel there gives it another source port, which may be
// that of another phone at the same address.
func (e *env) phoneAddress(i int) netip.Addr {
	if !e.cluster.Local() {
		return e.local
	}
	a := phonesAddress.As4()
	a[3] += byte(i % int(softAddress.As4()[3]-a[3]))
	return netip.AddrFrom4(a)
}

// ownAddress finds which of this machine's addresses leads to the cluster.
func (e *env) ownAddress(ctx context.Context) error {
	if e.o.local != "" {
		e.local = netip.MustParseAddr(e.o.local)
	} else {
		conn, err := (&net.Dialer{}).DialContext(ctx, "udp4", e.proxy.String())
		if err != nil {
			return err
		}
		defer conn.Close()
		e.local = netip.MustParseAddrPort(conn.LocalAddr().String()).Addr()
	}
	e.callers, e.softAt = e.local, e.local
	return nil
}

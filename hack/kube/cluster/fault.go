//go:build linux

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CutNode takes a node off the network in both directions: its processes live
// on, nothing reaches them. Cutting a cut node does nothing.
func (c *Cluster) CutNode(ctx context.Context, node string) error {
	return c.setCable(ctx, node, "down")
}

// HealNode undoes CutNode. The node answers at once; Kubernetes notices with
// the node's next heartbeat.
func (c *Cluster) HealNode(ctx context.Context, node string) error {
	return c.setCable(ctx, node, "up")
}

// setCable acts on the bridge's end: taking down its own, the node would lose
// the routes that go through it.
func (c *Cluster) setCable(ctx context.Context, node, to string) error {
	if _, err := c.nodeNumber(node); err != nil {
		return err
	}
	return ipBatch(ctx, c.state.Options.fabricNS(), "link set "+port(node)+" "+to)
}

// Killed tells what KillContainerProcess did.
type Killed struct {
	// PID is the process id as the host sees it.
	PID int
	// At is the moment before the signal was sent.
	At time.Time
}

// KillContainerProcess sends a signal to the first process of a container, as
// the kernel's out-of-memory killer would: neither kubelet nor the API server
// is asked or told. As process 1 of its namespace it can be killed by SIGKILL;
// any other signal reaches it only if it handles it.
func (c *Cluster) KillContainerProcess(ctx context.Context, namespace, pod, container string, signal unix.Signal) (Killed, error) {
	pid, err := c.ContainerProcess(ctx, namespace, pod, container)
	if err != nil {
		return Killed{}, err
	}
	killed := Killed{PID: pid, At: time.Now()}
	if err := unix.Kill(pid, signal); err != nil {
		return killed, fmt.Errorf("send %v to container %s of %s/%s: %w", signal, container, namespace, pod, err)
	}
	return killed, nil
}

// SignalControlPlane sends a signal to a program of the control plane, such as etcd or
// kube-apiserver: SIGSTOP has it answer nobody until SIGCONT.
func (c *Cluster) SignalControlPlane(program string, signal unix.Signal) error {
	if !c.Local() {
		return fmt.Errorf("signal %s: %w", program, ErrNotLocal)
	}
	for _, m := range c.state.Machines {
		if m.Machine != ControlPlane {
			continue
		}
		pid, err := processOf(m.PID, program)
		if err != nil {
			return err
		}
		return unix.Kill(pid, signal)
	}
	return fmt.Errorf("no machine %s", ControlPlane)
}

// processOf finds a program among what runs in the process namespace of a machine.
func processOf(machine int, program string) (int, error) {
	home, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", machine))
	if err != nil {
		return 0, err
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		// Processes may end while they are read.
		ns, err := os.Readlink(filepath.Join(dir, "ns", "pid"))
		if err != nil || ns != home {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		name, _, _ := strings.Cut(string(command), "\x00")
		if filepath.Base(name) == program {
			return strconv.Atoi(filepath.Base(dir))
		}
	}
	return 0, fmt.Errorf("%s does not run on the machine with process %d", program, machine)
}

// ContainerProcess is the id of the first process of a container, as the host sees it.
func (c *Cluster) ContainerProcess(ctx context.Context, namespace, pod, container string) (int, error) {
	if !c.Local() {
		return 0, fmt.Errorf("process of container %s of %s/%s: %w", container, namespace, pod, ErrNotLocal)
	}
	p, err := c.client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	id, err := containerID(p, container)
	if err != nil {
		return 0, err
	}
	pid, err := firstProcess(id)
	if err != nil {
		return 0, fmt.Errorf("container %s of %s/%s: %w", container, namespace, pod, err)
	}
	return pid, nil
}

func containerID(pod *corev1.Pod, container string) (string, error) {
	for _, status := range slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses) { // sidecars, too
		if status.Name != container {
			continue
		}
		id, ok := strings.CutPrefix(status.ContainerID, "containerd://")
		if !ok || status.State.Running == nil {
			return "", fmt.Errorf("container %s of %s/%s does not run", container, pod.Namespace, pod.Name)
		}
		return id, nil
	}
	return "", fmt.Errorf("no container %s in %s/%s", container, pod.Namespace, pod.Name)
}

// firstProcess finds the first process of a container by its cgroup, which is
// named after it, and by having id 1 in its own process namespace.
func firstProcess(containerID string) (int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		// Processes may end while they are read.
		groups, err := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err != nil || !strings.Contains(string(groups), containerID) {
			continue
		}
		if isFirst(filepath.Join(dir, "status")) {
			return strconv.Atoi(filepath.Base(dir))
		}
	}
	return 0, fmt.Errorf("no first process of container %s", containerID)
}

// isFirst reads the process's ids, outermost namespace first.
func isFirst(statusPath string) bool {
	raw, err := os.ReadFile(statusPath)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(raw)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(ids)
			return len(fields) > 1 && fields[len(fields)-1] == "1"
		}
	}
	return false
}

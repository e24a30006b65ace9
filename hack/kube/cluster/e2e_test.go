//go:build linux && e2e

package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/sipring/sipring/hack/kube/cluster"
	"github.com/sipring/sipring/hack/kube/image"
)

const (
	echoImage = "sipring.local/echo:1"
	echoPort  = 8080
	vip       = "203.0.113.77"
	namespace = metav1.NamespaceDefault
	nodes     = 3
)

// options are those of a cluster of its own, beside the default one.
func options(t *testing.T) cluster.Options {
	return cluster.Options{
		Name:     "selftest",
		Nodes:    nodes,
		StateDir: filepath.Join(os.TempDir(), "sipring-selftest"),
		Subnet:   "10.78.0.0/16",
		Logf:     t.Logf,
	}
}

// TestCluster walks through one cluster's life: what a local cluster promises,
// in the order in which it is used.
func TestCluster(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a local cluster needs root")
	}
	s := &scenario{T: t, begin: time.Now()}
	before := footprint(t)
	s.up()
	t.Cleanup(func() { down(t) })
	s.again()
	s.deploy()
	s.reachAcrossNodes()
	s.reachAPIServer()
	s.reachThroughVIP()
	s.keepPhoneAddress()
	s.killContainer()
	s.cutAndHeal()
	s.begin = time.Now()
	down(t)
	s.done("down")
	if after := footprint(t); after != before {
		t.Errorf("left behind:\n%s\nwas before:\n%s", after, before)
	}
}

func down(t *testing.T) {
	t.Helper()
	o := options(t)
	if err := cluster.Down(context.Background(), o.StateDir, o.Name); err != nil {
		t.Error(err)
	}
}

// scenario is one cluster and the time its current step began.
type scenario struct {
	*testing.T
	c     *cluster.Cluster
	pods  []*corev1.Pod
	begin time.Time
}

func (s *scenario) done(what string) {
	s.Helper()
	s.Logf("%8s %s", time.Since(s.begin).Round(time.Millisecond), what)
	s.begin = time.Now()
}

// eventually fails the test if try has no success in time.
func (s *scenario) eventually(limit time.Duration, try func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), limit)
	defer cancel()
	if err := cluster.Eventually(ctx, try); err != nil {
		s.Fatal(err)
	}
}

func (s *scenario) up() {
	c, err := cluster.Up(s.Context(), options(s.T))
	if err != nil {
		s.Fatal(err)
	}
	s.c = c
	s.done("up")
}

// again: Up of a running cluster changes nothing.
func (s *scenario) again() {
	uid := func() string {
		ns, err := s.c.Client().CoreV1().Namespaces().Get(s.Context(), "kube-system", metav1.GetOptions{})
		if err != nil {
			s.Fatal(err)
		}
		return string(ns.UID)
	}
	first := uid()
	c, err := cluster.Up(s.Context(), options(s.T))
	if err != nil {
		s.Fatal(err)
	}
	s.c = c
	if second := uid(); second != first {
		s.Errorf("second Up made another cluster: %s, was %s", second, first)
	}
	s.done("up again")
}

func (s *scenario) deploy() {
	tar := filepath.Join(s.TempDir(), "echo.tar")
	binary := filepath.Join("..", "..", "..", "bin", "kube", "echo")
	if err := image.Write(tar, image.Image{Name: echoImage, Binary: binary}); err != nil {
		s.Fatal(err)
	}
	if err := s.c.LoadImage(s.Context(), tar); err != nil {
		s.Fatal(err)
	}
	s.done("image on every node")
	for _, node := range s.c.Nodes() {
		if _, err := s.c.Client().CoreV1().Pods(namespace).Create(s.Context(), echoPod(node), metav1.CreateOptions{}); err != nil {
			s.Fatal(err)
		}
	}
	s.eventually(time.Minute, func(ctx context.Context) error {
		s.pods = nil
		for _, node := range s.c.Nodes() {
			pod, err := s.c.Client().CoreV1().Pods(namespace).Get(ctx, "echo-"+node, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if pod.Status.PodIP == "" || !ready(pod) {
				return fmt.Errorf("pod %s is %s", pod.Name, pod.Status.Phase)
			}
			s.pods = append(s.pods, pod)
		}
		return nil
	})
	s.done("pods ready")
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func echoPod(node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "echo-" + node, Labels: map[string]string{"app": "echo"}},
		Spec: corev1.PodSpec{
			// By label, so that the scheduler has its part in the test.
			NodeSelector: map[string]string{corev1.LabelHostname: node},
			Containers: []corev1.Container{{
				Name:            "echo",
				Image:           echoImage,
				ImagePullPolicy: corev1.PullNever,
				Env: []corev1.EnvVar{{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{
					FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}},
				ReadinessProbe: &corev1.Probe{
					PeriodSeconds: 1,
					ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(echoPort)}},
				},
			}},
		},
	}
}

// reachAcrossNodes: every pod reaches every pod by its own address.
func (s *scenario) reachAcrossNodes() {
	for _, from := range s.pods {
		for _, to := range s.pods {
			got, err := get(s.Context(), url(from)+"/relay?url="+url(to))
			if err != nil {
				s.Fatalf("%s to %s: %v", from.Name, to.Name, err)
			}
			if !strings.HasPrefix(got, to.Name+" "+from.Status.PodIP+":") {
				s.Errorf("%s to %s: answer %q", from.Name, to.Name, got)
			}
		}
	}
	s.done("every pod reaches every pod")
}

// reachAPIServer: through the kubernetes Service, with the pod's own account.
func (s *scenario) reachAPIServer() {
	for _, pod := range s.pods {
		got, err := get(s.Context(), url(pod)+"/apiserver")
		if err != nil {
			s.Fatalf("%s: %v", pod.Name, err)
		}
		var version struct{ GitVersion string }
		if err := json.Unmarshal([]byte(got), &version); err != nil || version.GitVersion == "" {
			s.Errorf("%s: API server answers %q", pod.Name, got)
		}
	}
	s.done("every pod reaches the API server")
}

// reachThroughVIP: flows from outside are spread over the nodes and keep their
// source address.
func (s *scenario) reachThroughVIP() {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "echo"},
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeLoadBalancer,
			ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal,
			Selector:              map[string]string{"app": "echo"},
			Ports:                 []corev1.ServicePort{{Name: "udp", Protocol: corev1.ProtocolUDP, Port: 5060, TargetPort: intstr.FromInt32(echoPort)}},
		},
	}
	if _, err := s.c.Client().CoreV1().Services(namespace).Create(s.Context(), service, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	if err := s.c.AssignVIP(s.Context(), namespace, "echo", vip); err != nil {
		s.Fatal(err)
	}
	s.eventually(30*time.Second, func(ctx context.Context) error {
		seen := map[string]bool{}
		for range 30 {
			pod, err := s.ask(ctx, "")
			if err != nil {
				return err
			}
			seen[pod] = true
		}
		if len(seen) != nodes {
			return fmt.Errorf("30 flows reached %v", seen)
		}
		return nil
	})
	s.done("address reaches every pod")
}

// ask sends one datagram from the client machine to the address, from a fresh
// port of source, and returns the pod that answered.
func (s *scenario) ask(ctx context.Context, source string) (string, error) {
	var conn net.Conn
	err := s.c.InClient(func() error {
		dialer := net.Dialer{}
		if source != "" {
			dialer.LocalAddr = &net.UDPAddr{IP: net.ParseIP(source)}
		}
		var err error
		conn, err = dialer.DialContext(ctx, "udp4", vip+":5060")
		return err
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("who")); err != nil {
		return "", err
	}
	buf := make([]byte, 1500)
	n, err := conn.Read(buf)
	if err != nil {
		return "", err
	}
	pod, seen, _ := strings.Cut(string(buf[:n]), " ")
	if seen != conn.LocalAddr().String() {
		return "", fmt.Errorf("pod %s saw %s, sent from %s", pod, seen, conn.LocalAddr())
	}
	return pod, nil
}

// keepPhoneAddress: a phone may have any address of PhoneNet.
func (s *scenario) keepPhoneAddress() {
	for _, source := range []string{"198.51.100.1", "198.51.100.200"} {
		if _, err := s.ask(s.Context(), source); err != nil {
			s.Errorf("from %s: %v", source, err)
		}
	}
	s.done("phones have their own addresses")
}

// killContainer: the process dies, kubelet starts another.
func (s *scenario) killContainer() {
	pod := s.pods[0]
	killed, err := s.c.KillContainerProcess(s.Context(), namespace, pod.Name, "echo", unix.SIGKILL)
	if err != nil {
		s.Fatal(err)
	}
	s.Logf("killed process %d", killed.PID)
	s.eventually(30*time.Second, func(ctx context.Context) error {
		p, err := s.c.Client().CoreV1().Pods(namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		status := p.Status.ContainerStatuses[0]
		if status.RestartCount != 1 || !ready(p) {
			return fmt.Errorf("%d restarts, ready %t", status.RestartCount, ready(p))
		}
		if end := status.LastTerminationState.Terminated; end == nil || end.ExitCode != 128+int32(unix.SIGKILL) {
			return fmt.Errorf("ended with %+v", end)
		}
		return nil
	})
	s.done("killed container is back")
}

// cutAndHeal: a cut node's pod is out of reach, but lives: healed, the same
// process answers.
func (s *scenario) cutAndHeal() {
	pod, node := s.pods[1], s.pods[1].Spec.NodeName
	if err := s.c.CutNode(s.Context(), node); err != nil {
		s.Fatal(err)
	}
	if got, err := get(s.Context(), url(pod)); err == nil {
		s.Errorf("pod on cut node answers %q", got)
	}
	others := []string{s.pods[0].Spec.NodeName, s.pods[2].Spec.NodeName}
	if err := s.c.RouteVIP(s.Context(), vip, others...); err != nil {
		s.Fatal(err)
	}
	for range 30 {
		got, err := s.ask(s.Context(), "")
		if err != nil {
			s.Fatalf("with %s cut and its route withdrawn: %v", node, err)
		}
		if got == pod.Name {
			s.Errorf("pod %s on cut node answered", got)
		}
	}
	s.done("node cut")
	if err := s.c.HealNode(s.Context(), node); err != nil {
		s.Fatal(err)
	}
	s.eventually(10*time.Second, func(ctx context.Context) error {
		_, err := get(ctx, url(pod))
		return err
	})
	s.done("node healed")
}

func url(pod *corev1.Pod) string {
	return fmt.Sprintf("http://%s:%d", pod.Status.PodIP, echoPort)
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// footprint lists what a cluster might leave on the machine.
func footprint(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, pattern := range []string{
		"/run/netns/selftest*", "/sys/class/net/selftest*", "/sys/fs/cgroup/*/sipring-kube/selftest*",
		"/sys/fs/cgroup/sipring-kube/selftest*", filepath.Join(os.TempDir(), "sipring-selftest"),
		"/run/containerd", "/var/lib/kubelet", "/var/lib/containerd", "/var/log/pods", "/var/log/containers",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			fmt.Fprintln(&b, path)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "selftest") {
			b.WriteString(line)
		}
	}
	b.WriteString(processes(t))
	return b.String()
}

// processes lists those that were started from the cluster's files.
func processes(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(raw), "sipring-selftest") {
			fmt.Fprintln(&b, filepath.Dir(path), strings.ReplaceAll(string(raw), "\x00", " "))
		}
	}
	return b.String()
}

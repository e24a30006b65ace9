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
	"slices"
	"strings"
	"testing"
	"time"

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
	vip6      = "2001:db8:203::77"
	namespace = metav1.NamespaceDefault
	nodes     = 3
)

// options are those of a cluster of its own, beside the default one.
func options(t *testing.T) cluster.Options {
	return cluster.Options{
		Name:     "selftest",
		Nodes:    nodes,
		StateDir: filepath.Join(os.TempDir(), "sipring-selftest"),
		Subnet:   "10.97.0.0/16",
		Logf:     t.Logf,
	}
}

// TestCluster walks through one cluster's life: what a local cluster promises,
// in the order in which it is used.
func TestCluster(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a local cluster needs root")
	}
	s := &scenario{T: t, begin: time.Now(), families: []string{"IPv4", "IPv6"}}
	before := footprint(t)
	s.up(options(t))
	t.Cleanup(func() { down(t) })
	s.again()
	s.deploy()
	s.reachAcrossNodes()
	s.reachAPIServer()
	s.reachThroughVIP()
	s.keepPhoneAddress()
	s.killContainer()
	s.partition()
	s.cutAndHeal()
	s.stop()
	s.begin = time.Now()
	down(t)
	s.done("down")
	if after := footprint(t); after != before {
		t.Errorf("left behind:\n%s\nwas before:\n%s", after, before)
	}
}

// TestClusterOfIPv6 is the beginning of that where nodes, pods and Services have
// IPv6 alone.
func TestClusterOfIPv6(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a local cluster needs root")
	}
	s := &scenario{T: t, begin: time.Now(), families: []string{"IPv6"}}
	o := options(t)
	o.IPv6 = true
	s.up(o)
	t.Cleanup(func() { down(t) })
	// This host reaches pods by IPv4 alone.
	s.client.Transport = &http.Transport{DialContext: s.c.DialClient, DisableKeepAlives: true}
	s.deploy()
	s.reachAcrossNodes()
	s.reachAPIServer()
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
	families []string // of pods, in order
	c        *cluster.Cluster
	client   http.Client
	stop     func() // ends what runs in the background
	pods     []*corev1.Pod
	begin    time.Time
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

func (s *scenario) up(o cluster.Options) {
	c, err := cluster.Up(s.Context(), o)
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
			if !ready(pod) {
				return fmt.Errorf("pod %s is %s", pod.Name, pod.Status.Phase)
			}
			if got := families(pod); !slices.Equal(got, s.families) {
				s.Fatalf("pod %s has the addresses %v, want %v", pod.Name, pod.Status.PodIPs, s.families)
			}
			s.pods = append(s.pods, pod)
		}
		return nil
	})
	s.done("pods ready")
}

// families are those of the pod's addresses.
func families(pod *corev1.Pod) (all []string) {
	for _, ip := range pod.Status.PodIPs {
		family := "IPv6"
		if net.ParseIP(ip.IP).To4() != nil {
			family = "IPv4"
		}
		all = append(all, family)
	}
	return all
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
					FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"},
				}}},
				ReadinessProbe: &corev1.Probe{
					PeriodSeconds: 1,
					ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(echoPort)}},
				},
			}},
		},
	}
}

// reachAcrossNodes: every pod reaches every pod by its own addresses.
func (s *scenario) reachAcrossNodes() {
	for _, from := range s.pods {
		for _, to := range s.pods {
			for i := range to.Status.PodIPs {
				got, err := s.get(s.Context(), url(from)+"/relay?url="+urlAt(to, i))
				if err != nil {
					s.Fatalf("%s to %s: %v", from.Name, to.Status.PodIPs[i].IP, err)
				}
				seen, _, _ := net.SplitHostPort(strings.TrimPrefix(got, to.Name+" "))
				if want := from.Status.PodIPs[i].IP; seen != want {
					s.Errorf("%s to %s: answer %q, want it to see %s", from.Name, to.Status.PodIPs[i].IP, got, want)
				}
			}
		}
	}
	s.done("every pod reaches every pod, by each family")
}

// reachAPIServer: through the kubernetes Service, with the pod's own account.
func (s *scenario) reachAPIServer() {
	for _, pod := range s.pods {
		got, err := s.get(s.Context(), url(pod)+"/apiserver")
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

func url(pod *corev1.Pod) string { return urlAt(pod, 0) }

// urlAt is that at the pod's i-th address.
func urlAt(pod *corev1.Pod, i int) string {
	return "http://" + net.JoinHostPort(pod.Status.PodIPs[i].IP, fmt.Sprint(echoPort))
}

func (s *scenario) get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := s.client.Do(req)
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

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/hack/kube/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/peer"
)

// proxies are those of a SIPCluster under test, and what they tell of themselves.
type proxies struct {
	kube *kube
	name string // the SIPCluster's
}

// pods of the cluster under test, by name.
func (p *proxies) pods(ctx context.Context) ([]corev1.Pod, error) {
	l, err := p.kube.cluster.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: config.LabelCluster + "=" + p.name})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(l.Items, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return l.Items, nil
}

// admin asks a pod's admin server: from the client machine, or through the API
// server where there is none.
func (p *proxies) admin(ctx context.Context, pod *corev1.Pod, path string, into any) error {
	raw, err := p.adminRaw(ctx, pod, path)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", path, pod.Name, err)
	}
	return json.Unmarshal(raw, into)
}

func (p *proxies) adminRaw(ctx context.Context, pod *corev1.Pod, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if !p.kube.cluster.Local() {
		return p.kube.cluster.Client().CoreV1().RESTClient().Get().
			AbsPath("/api/v1/namespaces", namespace, "pods", pod.Name+":9090", "proxy", path).DoRaw(ctx)
	}
	return fetch(ctx, p.kube.cluster, "http://"+net.JoinHostPort(pod.Status.PodIP, "9090")+path)
}

// fetch gets what a server tells the client machine, 4 MiB at most.
func fetch(ctx context.Context, c *cluster.Cluster, from string) ([]byte, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: c.DialClient, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, raw)
	}
	return raw, err
}

// whole returns nil once n proxies run that all see each other in the ring and
// hold all they own, none of them in an incarnation of gone.
func (p *proxies) whole(ctx context.Context, n int, gone map[string]bool) error {
	if err := p.kube.serving(ctx, namespace, p.name, n); err != nil {
		return err
	}
	pods, err := p.pods(ctx)
	if err != nil {
		return err
	}
	if len(pods) != n {
		return fmt.Errorf("%d pods, want %d", len(pods), n)
	}
	for i := range pods {
		var s peer.Status
		if err := p.admin(ctx, &pods[i], "/v1/status", &s); err != nil {
			return err
		}
		if !s.Ready || s.Draining || s.Partitions.Filling > 0 || len(s.Members) != n || gone[s.Incarnation] {
			return fmt.Errorf("%s: ready %v %s, draining %v, %d partitions to fill, %d members, incarnation %s",
				pods[i].Name, s.Ready, s.NotReady, s.Draining, s.Partitions.Filling, len(s.Members), s.Incarnation)
		}
		for _, m := range s.Members {
			if !m.InRing || m.Liveness != "up" {
				return fmt.Errorf("%s sees %s %s, in the ring: %v", pods[i].Name, m.Name, m.Liveness, m.InRing)
			}
		}
	}
	return nil
}

// set is the member set that is published.
func (p *proxies) set(ctx context.Context) (*config.MemberSet, error) {
	m, err := p.kube.cluster.Client().CoreV1().ConfigMaps(namespace).Get(ctx, p.name+"-members", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return config.ParseMemberSet([]byte(m.Data[config.MembersKey]))
}

// idOf is the id of the member called name; 0, which none has, if there is none.
func idOf(set *config.MemberSet, name string) uint32 {
	for _, m := range set.Members {
		if m.Name == name {
			return m.ID
		}
	}
	return 0
}

// snapshot is the pods before a fault.
type snapshot struct {
	pods         []corev1.Pod
	incarnations map[string]string
}

func (p *proxies) snapshot(ctx context.Context) (*snapshot, error) {
	pods, err := p.pods(ctx)
	if err != nil {
		return nil, err
	}
	s := &snapshot{pods: pods, incarnations: map[string]string{}}
	for i := range pods {
		var st peer.Status
		if err := p.admin(ctx, &pods[i], "/v1/status", &st); err != nil {
			return nil, err
		}
		s.incarnations[pods[i].Name] = st.Incarnation
	}
	return s, nil
}

// removed deletes their SIPCluster, as the manifest has it, and waits until they are
// gone.
func (p *proxies) removed(ctx context.Context, manifest string) error {
	if _, err := p.kube.kubectl(ctx, "--namespace", namespace, "delete", "-f", manifest); err != nil {
		return err
	}
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		pods, err := p.pods(ctx)
		if err == nil && len(pods) > 0 {
			err = fmt.Errorf("%d pods of SIPCluster %s are left", len(pods), p.name)
		}
		return err
	})
}

// same returns nil if those of the snapshot run on, each the process that it was
// in the pod that it was.
func (p *proxies) same(ctx context.Context, before *snapshot) error {
	now, err := p.snapshot(ctx)
	if err != nil {
		return err
	}
	for i := range before.pods {
		if i >= len(now.pods) || now.pods[i].UID != before.pods[i].UID {
			return fmt.Errorf("pod %s was replaced", before.pods[i].Name)
		}
	}
	for name, incarnation := range before.incarnations {
		if now.incarnations[name] != incarnation {
			return fmt.Errorf("%s was started again: incarnation %s, was %s", name, now.incarnations[name], incarnation)
		}
	}
	return nil
}

// newRing is how long after the fault the last of the survivors worked with a
// ring without the victim.
func (p *proxies) newRing(ctx context.Context, s *snapshot, victim string, at time.Time) (time.Duration, error) {
	survivors := map[string]*corev1.Pod{}
	for i := range s.pods {
		if s.pods[i].Name != victim {
			survivors[s.pods[i].Name] = &s.pods[i]
		}
	}
	return newRing(ctx, slices.Collect(maps.Keys(survivors)), victim, at, func(ctx context.Context, name string) (events []peer.Event, err error) {
		err = p.admin(ctx, survivors[name], "/v1/events", &events)
		return events, err
	})
}

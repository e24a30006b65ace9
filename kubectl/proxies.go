package kubectl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sipring/sipring/controllers/desired"
)

// Bounds of one question to one proxy, and of how many are asked at a time.
const (
	maxAnswer  = 4 << 20
	answerTime = 5 * time.Second
	askedAtOne = 16
)

// proxyStatus is what is read of /v1/status of a proxy, of any version.
type proxyStatus struct {
	Name       string `json:"name"`
	Epoch      uint64 `json:"epoch"`
	Ready      bool   `json:"ready"`
	NotReady   string `json:"notReady"`
	Draining   bool   `json:"draining"`
	Partitions struct {
		Total, Home, Replica, Filling int
	} `json:"partitions"`
	Bindings struct {
		Home, Replica int
	} `json:"bindings"`
	Members      []proxyMember `json:"members"`
	Transactions int           `json:"transactions"`
	Version      string        `json:"version"`
}

// proxyMember is a member as a proxy sees it.
type proxyMember struct {
	ID       uint32 `json:"id"`
	Name     string `json:"name"`
	Liveness string `json:"liveness"`
	InRing   bool   `json:"inRing"`
}

// proxyEvent is one of /v1/events of a proxy.
type proxyEvent struct {
	UnixNano int64  `json:"unixNano"`
	Kind     string `json:"kind"`
	Member   uint32 `json:"member"`
	Epoch    uint64 `json:"epoch"`
	Count    int    `json:"count"`
	Detail   string `json:"detail"`
}

func (e *proxyEvent) time() time.Time { return time.Unix(0, e.UnixNano) }

// proxy is a pod and what its proxy says of itself.
type proxy struct {
	pod    *corev1.Pod
	status proxyStatus
	events []proxyEvent
	// lost counts bindings whose every copy was lost, since the proxy started.
	lost float64
	// Why there is no status, and why there are no events.
	err, eventsErr error
}

// askProxies asks each pod, many at a time, for its status, its events and its losses.
func (a *api) askProxies(ctx context.Context, pods []corev1.Pod) []proxy {
	all := make([]proxy, len(pods))
	each(len(pods), func(i int) {
		x := &all[i]
		x.pod = &pods[i]
		if x.err = a.askAdmin(ctx, x.pod, "/v1/status", &x.status); x.err != nil {
			return
		}
		x.eventsErr = a.askAdmin(ctx, x.pod, "/v1/events", &x.events)
		if text, err := a.admin(ctx, x.pod, "/metrics"); err == nil {
			x.lost = value(text, lostMetric)
		}
	})
	return all
}

// each calls f for 0 to n-1, some at a time, and waits.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	turns := make(chan struct{}, askedAtOne)
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			f(i)
		})
	}
	wg.Wait()
}

// lostMetric counts what no promise covers: bindings whose every copy is gone.
const lostMetric = "sipring_proxy_lost_bindings_total"

// value of a metric without labels; 0 where there is none, as of an older version.
func value(text []byte, metric string) float64 {
	for line := range strings.Lines(string(text)) {
		if number, ok := strings.CutPrefix(line, metric+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err == nil {
				return v
			}
		}
	}
	return 0
}

// losses says how many bindings proxies count as lost.
func losses(all []proxy) (warnings []string) {
	for i := range all {
		if x := &all[i]; x.lost > 0 {
			warnings = append(warnings, fmt.Sprintf("%s counts about %.0f bindings as lost, since it started: no member was left that had a copy (%s)", x.pod.Name, x.lost, lostMetric))
		}
	}
	return warnings
}

// askAdmin reads JSON from a proxy's admin port.
func (a *api) askAdmin(ctx context.Context, pod *corev1.Pod, path string, into any) error {
	text, err := a.admin(ctx, pod, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("its answer cannot be read: %w", err)
	}
	return nil
}

// admin reads a page of a proxy's admin port, by way of the API server.
func (a *api) admin(ctx context.Context, pod *corev1.Pod, path string) ([]byte, error) {
	if pod.Status.Phase != corev1.PodRunning {
		return nil, fmt.Errorf("its pod is %s", pod.Status.Phase)
	}
	port, ok := adminPort(pod)
	if !ok {
		return nil, fmt.Errorf("its pod has no container %q with a port admin", desired.Container)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := a.kube.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, strconv.Itoa(int(port)), path, nil).Stream(ctx)
	if err != nil {
		return nil, unanswered(lacks(err, "get", "pods/proxy", pod.Namespace))
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, unanswered(err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("its answer is longer than %d bytes", maxAnswer)
	}
	return text, nil
}

// unanswered says what an error of the way to a proxy means.
func unanswered(err error) error {
	var lack *lackError
	switch {
	case errors.As(err, &lack):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %v", answerTime)
	case apierrors.IsServiceUnavailable(err):
		return fmt.Errorf("the API server does not reach it: %w", err)
	}
	return err
}

func adminPort(pod *corev1.Pod) (int32, bool) {
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; c.Name == desired.Container {
			for _, p := range c.Ports {
				if p.Name == "admin" {
					return p.ContainerPort, true
				}
			}
		}
	}
	return 0, false
}

// silent says of the proxies that did not answer why: once, where all lack the same
// right.
func silent(all []proxy) (missing []string) {
	for i := range all {
		var lack *lackError
		if errors.As(all[i].err, &lack) {
			return []string{lack.Error()}
		}
		switch x := &all[i]; {
		case x.err != nil:
			missing = append(missing, fmt.Sprintf("%s does not answer: %v", x.pod.Name, x.err))
		case x.eventsErr != nil:
			missing = append(missing, fmt.Sprintf("%s does not say what it saw: %v", x.pod.Name, x.eventsErr))
		}
	}
	return missing
}

// memberNames are the names of members by their IDs, as any of the proxies knows them.
func memberNames(all []proxy) map[uint32]string {
	names := map[uint32]string{}
	for i := range all {
		for _, m := range all[i].status.Members {
			names[m.ID] = m.Name
		}
	}
	return names
}

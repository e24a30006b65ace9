package kubectl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// askedAtOne is how many proxies are asked at a time.
const askedAtOne = 16

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
		if x.err = a.askAdmin(ctx, x.pod, pageStatus, &x.status); x.err != nil {
			return
		}
		x.eventsErr = a.askAdmin(ctx, x.pod, pageEvents, &x.events)
		if text, err := a.admin(ctx, x.pod, pageMetrics); err == nil {
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

// silent says of the proxies that did not answer why: once, where that is for want of
// rights.
func silent(all []proxy) (missing []string) {
	for i := range all {
		var no *noWayError
		if errors.As(all[i].err, &no) && no.lacksBoth() {
			return []string{"the proxies cannot be asked: " + no.Error()}
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

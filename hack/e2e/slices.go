//go:build linux

package main

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// sliceLog notes when a pod's endpoint was no longer ready in any of a Service's
// EndpointSlices, of which there is one of each family, as a watch tells, and which are
// now. Its methods may be called concurrently.
type sliceLog struct {
	mu    sync.Mutex
	ready map[string]map[string]string // addresses by pod, of each slice
	lost  map[string][]time.Time       // when it left, of each pod
}

// watchSlices keeps a log until the run ends.
func watchSlices(ctx context.Context, k *kube, service string) *sliceLog {
	l := &sliceLog{ready: map[string]map[string]string{}, lost: map[string][]time.Time{}}
	stop := followSlices(ctx, k, service, func(s *discoveryv1.EndpointSlice) { l.note(s, time.Now()) })
	k.stage.later(func(context.Context) error { stop(); return nil })
	return l
}

// followSlices calls note with each EndpointSlice of a Service, and again when it changes,
// until stop is called.
func followSlices(ctx context.Context, k *kube, service string, note func(*discoveryv1.EndpointSlice)) (stop func()) {
	given := func(object any) {
		if s, ok := object.(*discoveryv1.EndpointSlice); ok {
			note(s)
		}
	}
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewFilteredListWatchFromClient(k.cluster.Client().DiscoveryV1().RESTClient(), "endpointslices", namespace,
			func(o *metav1.ListOptions) { o.LabelSelector = discoveryv1.LabelServiceName + "=" + service }),
		ObjectType: &discoveryv1.EndpointSlice{},
		Handler:    cache.ResourceEventHandlerFuncs{AddFunc: given, UpdateFunc: func(_, now any) { given(now) }},
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	return func() { cancel(); running.Wait() }
}

// note takes the whole of a slice.
func (l *sliceLog) note(s *discoveryv1.EndpointSlice, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := map[string]string{}
	for _, endpoint := range s.Endpoints {
		if endpoint.TargetRef != nil && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
			now[endpoint.TargetRef.Name] = endpoint.Addresses[0]
		}
	}
	before := l.ready[s.Name]
	l.ready[s.Name] = now
	for pod := range before {
		if !l.anywhere(pod) {
			l.lost[pod] = append(l.lost[pod], at)
		}
	}
}

// anywhere tells whether the pod is ready in a slice.
func (l *sliceLog) anywhere(pod string) bool {
	for _, ready := range l.ready {
		if ready[pod] != "" {
			return true
		}
	}
	return false
}

// pick is the address of one that is ready, by chance; the zero value if none is.
func (l *sliceLog) pick() (a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, ready := range l.ready {
		all = slices.AppendSeq(all, maps.Values(ready))
	}
	if len(all) > 0 {
		a, _ = netip.ParseAddr(all[rand.IntN(len(all))])
	}
	return a
}

// lostAfter tells how long after at the pod left, if it did.
func (l *sliceLog) lostAfter(pod string, at time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.lost[pod] {
		if t.After(at) {
			return t.Sub(at), true
		}
	}
	return 0, false
}

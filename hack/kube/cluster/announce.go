//go:build linux

package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// A node is gone after this many probes without an answer: 3 by 300 ms are the
// defaults of BFD in MetalLB, 3 by 100 ms what a router is set to that shall be fast. A test
// that must not wait calls RouteVIP.
const (
	probeEvery  = 300 * time.Millisecond
	probeMisses = 3
)

// Announcement is what Announce announces.
type Announcement struct {
	Namespace, Service string
	// IPs are the Service's addresses, one of each family that it has.
	IPs []string
	// ProbeEvery is how often nodes are asked whether they are there: one that does not
	// answer three times is left out. Default: 300 ms.
	ProbeEvery time.Duration
}

// serviceProxyName is the label of a Service that kube-proxy leaves alone: nobody answers at
// its health check port then.
const serviceProxyName = "service.kubernetes.io/service-proxy-name"

// AnnounceVIP is Announce at the default pace.
func (c *Cluster) AnnounceVIP(ctx context.Context, namespace, service string, ips ...string) (wait func(), err error) {
	return c.Announce(ctx, Announcement{Namespace: namespace, Service: service, IPs: ips})
}

// Announce assigns addresses to the service, as AssignVIP does, and then, until
// ctx ends, keeps their routes from the client machine as MetalLB and a router
// with BFD would: to the nodes that answer and, with externalTrafficPolicy Local,
// have an endpoint that serves, and whose kube-proxy says so too when they come. The assignment and the first routes are made
// before it returns; wait for the rest to end with the function it returns, after
// ctx.
func (c *Cluster) Announce(ctx context.Context, what Announcement) (wait func(), err error) {
	namespace, service, ips := what.Namespace, what.Service, what.IPs
	if err := c.AssignVIP(ctx, namespace, service, ips...); err != nil {
		return nil, err
	}
	s, err := c.client.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	a := &announcer{
		cluster: c, ips: ips,
		local:  s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
		routed: c.Nodes(),
		every:  cmp.Or(what.ProbeEvery, probeEvery),
		passes: func(context.Context, string) bool { return true },
		misses: map[string]int{},
		change: make(chan struct{}, 1),
	}
	if s.Labels[serviceProxyName] == "" {
		a.passes = c.passes(isSix(ips[0]), s.Spec.HealthCheckNodePort)
	}
	store, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: c.sliceWatch(namespace, service), ObjectType: &discoveryv1.EndpointSlice{}, Handler: a.onChange(),
	})
	a.slices = store
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		running.Wait()
		return nil, ctx.Err()
	}
	if err := a.route(ctx); err != nil {
		return nil, err
	}
	running.Go(func() { a.run(ctx) })
	return running.Wait, nil
}

func (c *Cluster) sliceWatch(namespace, service string) *cache.ListWatch {
	return cache.NewFilteredListWatchFromClient(c.client.DiscoveryV1().RESTClient(), "endpointslices", namespace,
		func(o *metav1.ListOptions) { o.LabelSelector = discoveryv1.LabelServiceName + "=" + service })
}

// announcer belongs to the goroutine of run; slices and change are safe for
// the informer's.
type announcer struct {
	cluster *Cluster
	ips     []string
	local   bool
	every   time.Duration
	slices  cache.Store
	change  chan struct{}
	// misses counts a node's probes without an answer since the last with one.
	misses map[string]int
	routed []string
	// passes tells whether a node passes on what comes for the service.
	passes func(ctx context.Context, node string) bool
}

func (a *announcer) onChange() cache.ResourceEventHandler {
	notify := func() {
		select {
		case a.change <- struct{}{}:
		default: // one is pending, and covers this one
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(_, _ any) { notify() },
		DeleteFunc: func(any) { notify() },
	}
}

func (a *announcer) run(ctx context.Context) {
	ticker := time.NewTicker(a.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.change:
		case <-ticker.C:
			a.probe(ctx)
		}
		if err := a.route(ctx); err != nil && ctx.Err() == nil {
			a.cluster.logf("announce %v: %v", a.ips, err)
		}
	}
}

// route changes the routes if their nodes have changed.
func (a *announcer) route(ctx context.Context) error {
	want := a.follow(ctx, a.serving())
	if slices.Equal(want, a.routed) {
		return nil
	}
	for _, ip := range a.ips {
		if err := a.cluster.RouteVIP(ctx, ip, want...); err != nil {
			return err
		}
	}
	a.cluster.logf("announce %v by %v, was %v", a.ips, want, a.routed)
	a.routed = want
	return nil
}

// follow leaves out the nodes that come and do not pass anything on yet. What is
// routed to them before is dropped, which a router that hears of them over the network
// seldom sees, but this one does: it has more of the machine than its kube-proxies
// when all nodes are on one.
func (a *announcer) follow(ctx context.Context, want []string) []string {
	return slices.DeleteFunc(want, func(node string) bool {
		return a.local && !slices.Contains(a.routed, node) && !a.passes(ctx, node)
	})
}

// passes asks a node as the load balancers of clouds do: kube-proxy answers at the
// service's health check port, of the rules that are in force, in the family of which
// the service has addresses.
func (c *Cluster) passes(six bool, port int32) func(ctx context.Context, node string) bool {
	client := &http.Client{Timeout: probeEvery, Transport: &http.Transport{DialContext: c.DialClient, DisableKeepAlives: true}}
	return func(ctx context.Context, node string) bool {
		n, err := c.nodeNumber(node)
		if err != nil {
			return false
		}
		p := newPlan(c.state.Options.Subnet)
		if six {
			p = p.v6()
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/", net.JoinHostPort(p.node(n), fmt.Sprint(port))), http.NoBody)
		if err != nil {
			return false
		}
		res, err := client.Do(req)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
}

func isSix(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && a.Is6()
}

// serving are the nodes that announce, in order.
func (a *announcer) serving() []string {
	with := map[string]bool{}
	for _, object := range a.slices.List() {
		for _, endpoint := range object.(*discoveryv1.EndpointSlice).Endpoints {
			if endpoint.NodeName != nil && canServe(endpoint.Conditions) {
				with[*endpoint.NodeName] = true
			}
		}
	}
	names := a.cluster.Nodes()
	if a.local {
		names = slices.Sorted(maps.Keys(with))
	}
	return slices.DeleteFunc(names, func(node string) bool { return a.misses[node] >= probeMisses })
}

// canServe is kube-proxy's view: nil counts as true, and what is terminating
// but serves still takes traffic if there is nothing better.
func canServe(c discoveryv1.EndpointConditions) bool {
	return c.Ready == nil || *c.Ready || c.Serving != nil && *c.Serving
}

// probe asks every node, all at once, whether it is on the network.
func (a *announcer) probe(ctx context.Context) {
	nodes := a.cluster.Nodes()
	answers := make([]bool, len(nodes))
	var probes sync.WaitGroup
	for i, node := range nodes {
		probes.Go(func() { answers[i] = a.cluster.answers(ctx, node, a.every) })
	}
	probes.Wait()
	for i, node := range nodes {
		a.misses[node]++
		if answers[i] {
			a.misses[node] = 0
		}
	}
}

// answers tells whether the node's kernel answers the client machine, be it
// with a refusal.
func (c *Cluster) answers(ctx context.Context, node string, within time.Duration) bool {
	ip, err := c.NodeIP(node)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn, err := c.DialClient(ctx, "tcp4", net.JoinHostPort(ip, fmt.Sprint(proxyHealthPort)))
	if err != nil {
		return errors.Is(err, unix.ECONNREFUSED)
	}
	conn.Close()
	return true
}

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// domain that the demo's phones belong to.
const domain = "example.com"

// cluster is the running proxies and who plays the operator for them.
type cluster struct {
	dir       string
	address   netip.AddrPort // the cluster's, where phones send
	processes []*process
	operator  *operator
	line      *timeline

	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// startCluster starts the proxies and waits until all are in the ring.
func startCluster(ctx context.Context, o *options, line *timeline) (*cluster, error) {
	dir, err := os.MkdirTemp("", "sipring-demo-")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, address: netip.AddrPortFrom(o.host(1), config.DefaultSIPPort), line: line}
	c.operator = &operator{path: filepath.Join(dir, "members.json"), advertise: c.address.String(), changed: c.announce}
	if err := c.launch(ctx, o); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cluster) launch(ctx context.Context, o *options) error {
	ctx, c.stop = context.WithCancel(ctx)
	configuration, err := yaml.Marshal(config.Config{Cluster: "demo", Domains: []string{domain}, LogLevel: o.logLevel, DrainSeconds: 2, UDPLoops: 1})
	if err != nil {
		return err
	}
	keys, err := config.NewKeys().Marshal()
	if err != nil {
		return err
	}
	empty, err := (&config.MemberSet{Advertise: c.address.String(), Ring: config.Ring{Partitions: 16384, Replicas: 2}}).Marshal()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"config.yaml": configuration, "keys.json": keys, "members.json": empty} {
		if err := os.WriteFile(filepath.Join(c.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	if err := c.startProcesses(o); err != nil {
		return err
	}
	c.stopped.Go(func() {
		c.operator.run(ctx, func(err error) { c.line.add(time.Now(), "operator", "cannot publish: %v", err) })
	})
	return c.waitRing(ctx, len(c.processes))
}

func (c *cluster) startProcesses(o *options) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	for i := range o.proxies {
		address := o.host(byte(11 + i))
		p := &process{
			id: uint32(i + 1), name: fmt.Sprintf("proxy-%d", i), address: address,
			admin: fmt.Sprintf("http://%s:%d", address, config.DefaultAdminPort),
		}
		p.args = []string{
			"proxy", "--name", p.name, "--address", address.String(), "--sip-address", c.address.Addr().String(),
			"--config", filepath.Join(c.dir, "config.yaml"), "--members", c.operator.path, "--keys", filepath.Join(c.dir, "keys.json"),
		}
		if p, err = startProcess(binary, c.dir, p); err != nil {
			return err
		}
		c.processes = append(c.processes, p)
		c.operator.processes = c.processes
	}
	return nil
}

// announce notes what the operator published.
func (c *cluster) announce(r membership.Result) {
	states := map[config.MemberState]int{}
	for _, m := range r.Set.Members {
		states[m.State]++
	}
	c.line.add(time.Now(), "operator", "published epoch %d: %d active, %d joining", r.Set.Epoch, states[config.Active], states[config.Joining])
}

// waitRing waits until n members are active and every one of them follows the
// published epoch and says it is ready.
func (c *cluster) waitRing(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if c.settled(ctx, n) {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d proxies are not all in the ring: %w (logs in %s)", n, ctx.Err(), c.dir)
		}
	}
}

func (c *cluster) settled(ctx context.Context, n int) bool {
	set := c.operator.current()
	if set == nil {
		return false
	}
	active := 0
	for _, m := range set.Members {
		if m.State == config.Active {
			active++
		}
	}
	if active != n {
		return false
	}
	for _, p := range c.processes {
		s, err := p.status(ctx)
		if err != nil || s.Epoch != set.Epoch || !s.Ready {
			return false
		}
		inRing := 0
		for _, m := range s.Members {
			if m.InRing {
				inRing++
			}
		}
		if inRing != n {
			return false
		}
	}
	return true
}

// close ends all processes and removes the folder, unless keep was called.
func (c *cluster) close() {
	if c.stop != nil {
		c.stop()
	}
	c.stopped.Wait()
	var wg sync.WaitGroup
	for _, p := range c.processes {
		wg.Go(func() { p.stop(5 * time.Second) })
	}
	wg.Wait()
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}

// keepLogs leaves the folder in place and returns it.
func (c *cluster) keepLogs() string {
	dir := c.dir
	c.dir = ""
	return dir
}

var errLost = errors.New("something was lost")

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/config"
)

// domain that the demo's phones belong to.
const domain = "example.com"

// cluster is the running proxies and who plays the operator for them.
type cluster struct {
	dir       string
	keep      bool // the folder with the logs
	network   *fleet.Network
	processes []*fleet.Process
	operator  *fleet.Operator
	passwords fleet.Passwords // of the phones and further guests
	authority *fleet.Authority
	line      *timeline
	traffic   traffic

	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// startCluster starts the proxies and waits until all are in the ring. The
// network stays the caller's.
func startCluster(ctx context.Context, o *options, n *fleet.Network, line *timeline) (*cluster, error) {
	authority, err := fleet.NewAuthority()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sipring-demo-")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, network: n, line: line, passwords: fleet.NewPasswords(o.guests.Users...), authority: authority}
	for i := range max(o.phones+o.calls, o.guests.Phones) {
		c.passwords.Add(phones.User(i))
	}
	c.operator = &fleet.Operator{
		Path: fleet.MembersFile(dir), Advertise: n.Cluster().String(), Ring: config.Ring{Seed: config.NewSeed()}.WithDefaults(), ProbeTimeout: fleet.PatientProbe, Changed: c.announce,
	}
	if err := c.launch(ctx, o); err != nil {
		err = c.explain(ctx, err)
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cluster) launch(ctx context.Context, o *options) error {
	running, stop := context.WithCancel(ctx)
	c.stop = stop
	if err := c.writeFiles(o); err != nil {
		return err
	}
	if err := c.startProcesses(o); err != nil {
		return err
	}
	c.stopped.Go(func() {
		c.operator.Run(running, func(err error) { c.line.add(time.Now(), "operator", "cannot publish: %v", err) })
	})
	return c.waitRing(ctx, len(c.processes))
}

// writeFiles writes what the proxies are started with.
func (c *cluster) writeFiles(o *options) error {
	who, err := fleet.WriteUsers(c.dir, domain, c.passwords)
	if err != nil {
		return err
	}
	who.Digest.Algorithms = o.guests.Algorithms
	configuration := config.Config{
		Cluster: "demo", Domains: []string{domain}, Ports: c.network.Ports, LogLevel: o.logLevel, DrainSeconds: new(2), UDPLoops: 1,
		Authentication: who, Registrar: config.Registrar{MinExpires: o.guests.MinExpires},
	}
	if o.over.connected() {
		configuration.Listeners = c.network.Listeners(fleet.CertificateFolder(c.dir))
		if err := c.authority.WriteCertificate(c.dir, domain); err != nil {
			return err
		}
	}
	return fleet.WriteFiles(c.dir, configuration, c.operator.Advertise, c.operator.Ring)
}

func (c *cluster) startProcesses(o *options) error {
	binary := o.binary
	if binary == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		binary = self
	}
	for i := range o.proxies {
		p := fleet.Member(c.network, c.dir, i, "--sip-address", c.network.Cluster().Addr().String())
		p.Say = func(format string, args ...any) { c.line.add(time.Now(), "kubelet", format, args...) }
		p, err := fleet.Start(binary, c.dir, p)
		if err != nil {
			return err
		}
		c.processes = append(c.processes, p)
	}
	c.operator.Processes = c.processes
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

// ringLimit is how long the proxies may take to form the ring.
const ringLimit = 30 * time.Second

// waitRing waits until n members are active and every one of them follows the
// published epoch and says it is ready. It does not wait for a proxy that
// ended by itself.
func (c *cluster) waitRing(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, ringLimit)
	defer cancel()
	for {
		if err := c.broken(); err != nil {
			return err
		}
		if c.settled(ctx, n) {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond): // the interval at which the proxies are asked
		case <-ctx.Done():
			return fmt.Errorf("%d proxies are not all in the ring: %w", n, ctx.Err())
		}
	}
}

// broken tells whether a proxy ended though nobody killed it.
func (c *cluster) broken() error {
	var errs []error
	for _, p := range c.processes {
		errs = append(errs, p.Broken())
	}
	return errors.Join(errs...)
}

func (c *cluster) settled(ctx context.Context, n int) bool {
	set := c.operator.Current()
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
		s, err := p.Status(ctx)
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

// close ends all processes and removes the folder, unless it is to be kept.
func (c *cluster) close() {
	c.stop()
	c.stopped.Wait()
	var wg sync.WaitGroup
	for _, p := range c.processes {
		wg.Go(func() { p.Stop(5 * time.Second) })
	}
	wg.Wait()
	if !c.keep {
		_ = os.RemoveAll(c.dir)
	}
}

// explain keeps the logs for an error and names them. Who interrupts a demo
// wants neither.
func (c *cluster) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	c.keep = true
	return fmt.Errorf("%w (logs in %s)", err, c.dir)
}

package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/config"
)

// proxies is how many there are, replicas how many hold each binding.
const (
	proxies  = 3
	replicas = 2
)

// cluster is the proxies, and who plays the operator for them.
type cluster struct {
	network   *fleet.Network
	processes []*fleet.Process
	operator  *fleet.Operator
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// goShare is how much of its memory a proxy's Go heap may take: the rest is for
// the program itself, and for what the collector has not come to yet.
const goShare = 0.9

// startCluster starts the proxies and waits until all have what they own. With
// passwords they ask who registers and calls.
func startCluster(ctx context.Context, o *options, n *fleet.Network, dir string, passwords fleet.Passwords, say func(string, ...any)) (*cluster, error) {
	ctx, stop := context.WithCancel(ctx)
	c := &cluster{network: n, stop: stop}
	c.operator = &fleet.Operator{
		Path: fleet.MembersFile(dir), Advertise: n.Cluster().String(), Ring: config.Ring{Replicas: replicas}.WithDefaults(),
		ProbeTimeout: fleet.PatientProbe, Changed: func(membership.Result) {},
	}
	if err := c.launch(ctx, o, dir, passwords, say); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cluster) launch(ctx context.Context, o *options, dir string, passwords fleet.Passwords, say func(string, ...any)) error {
	if err := c.writeFiles(o, dir, passwords); err != nil {
		return err
	}
	for i := range proxies {
		var err error
		p := fleet.Member(c.network, dir, i)
		p.Say = say
		p.Env = []string{fmt.Sprintf("GOMEMLIMIT=%dMiB", int(goShare*float64(o.memory)))}
		if p, err = fleet.Start(o.proxy, dir, p); err != nil {
			return err
		}
		c.processes = append(c.processes, p)
	}
	c.operator.Processes = c.processes
	c.running.Go(func() { c.operator.Run(ctx, func(err error) { say("cannot publish: %v", err) }) })
	return c.settle(ctx)
}

// writeFiles writes what the proxies are started with.
func (c *cluster) writeFiles(o *options, dir string, passwords fleet.Passwords) error {
	who := &config.Authentication{Open: true}
	if passwords != nil {
		var err error
		if who, err = fleet.WriteUsers(dir, domain, passwords); err != nil {
			return err
		}
	}
	authority, err := fleet.NewAuthority()
	if err != nil {
		return err
	}
	if err := authority.WriteCertificate(dir, domain); err != nil {
		return err
	}
	return fleet.WriteFiles(dir, config.Config{
		Listeners: append(c.network.Listeners(fleet.CertificateFolder(dir)), config.Listener{Name: "ws", Protocol: config.ProtocolWS, Port: c.network.WS}),
		Cluster:   clusterName, Domains: []string{domain}, Ports: c.network.Ports, LogLevel: o.logLevel, DrainSeconds: new(0), Authentication: who,
	}, c.operator.Advertise, c.operator.Ring)
}

// The pace of settle.
const (
	lookTime    = 50 * time.Millisecond
	settleLimit = time.Minute
)

// settle waits until all are active and have what they own.
func (c *cluster) settle(ctx context.Context) error {
	limit := time.After(settleLimit)
	for {
		why := c.unsettled(ctx)
		if why == nil {
			return nil
		}
		for _, p := range c.processes {
			if err := p.Broken(); err != nil {
				return err
			}
		}
		select {
		case <-limit:
			return fmt.Errorf("after %s: %w", settleLimit, why)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), why)
		case <-time.After(lookTime):
		}
	}
}

// unsettled says who is not ready, and why.
func (c *cluster) unsettled(ctx context.Context) error {
	set := c.operator.Current()
	if set == nil || len(set.Members) != proxies {
		return fmt.Errorf("the set is %v", set)
	}
	for _, m := range set.Members {
		if m.State != config.Active {
			return fmt.Errorf("%s is %s", m.Name, m.State)
		}
	}
	for _, p := range c.processes {
		s, err := p.Status(ctx)
		if err != nil {
			return err
		}
		if !s.Ready || s.Partitions.Filling > 0 || len(s.Members) != proxies {
			return fmt.Errorf("%s is not ready: %s, %d partitions to fill, %d members", p.Name, s.NotReady, s.Partitions.Filling, len(s.Members))
		}
		for _, m := range s.Members {
			if m.Liveness != "up" {
				return fmt.Errorf("to %s, %s is %s", p.Name, m.Name, m.Liveness)
			}
		}
	}
	return nil
}

// rejoin kills the last proxy and waits until it is back and has what it owns.
func (c *cluster) rejoin(ctx context.Context) error {
	p := c.processes[proxies-1]
	_, before := p.Running()
	if _, err := p.End(syscall.SIGKILL, 0); err != nil {
		return err
	}
	for alive, now := p.Running(); !alive || now == before; alive, now = p.Running() {
		if wait(ctx, lookTime); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return c.settle(ctx)
}

// sip is where the proxy of that index receives SIP.
func (c *cluster) sip(i int) netip.AddrPort {
	return netip.AddrPortFrom(c.network.Proxy(i), uint16(c.network.Ports.SIP))
}

// close ends all processes.
func (c *cluster) close() {
	c.stop()
	c.running.Wait()
	var wg sync.WaitGroup
	for _, p := range c.processes {
		wg.Go(func() { p.Stop(time.Second) })
	}
	wg.Wait()
}

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/demo/phones"
)

var (
	errLost        = errors.New("something was lost")
	errInterrupted = errors.New("interrupted")
)

// run plays the whole demo and frees all that it took. A first signal ends it
// in order, a second one at once; a terminal that is closed is one, too.
func run(ctx context.Context, o *options, out io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	line := newTimeline(out)
	unhook := context.AfterFunc(ctx, func() {
		stop()
		line.add(time.Now(), "demo", "asked to end: the proxies are being stopped")
	})
	defer unhook()
	d, err := setUp(ctx, o, line)
	if err == nil {
		defer d.close()
		err = d.play(ctx, o, out)
	}
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	if err == nil && o.keep > 0 {
		fmt.Fprintf(out, "The page stays for %s; Ctrl-C ends it.\n", o.keep)
		select {
		case <-time.After(o.keep):
		case <-ctx.Done():
		}
	}
	return err
}

// demo is all that runs, in the order in which it was taken.
type demo struct {
	network *fleet.Network
	cluster *cluster
	page    *page
	load    *phones.Load
	ringing *phones.Load // those that ring when the proxy is killed
	line    *timeline
}

// setUp starts everything, or nothing.
func setUp(ctx context.Context, o *options, line *timeline) (*demo, error) {
	d := &demo{line: line}
	if err := d.take(ctx, o); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// take begins with what another program may have.
func (d *demo) take(ctx context.Context, o *options) (err error) {
	if d.network, err = fleet.Claim(o.network, o.proxies); err != nil {
		return err
	}
	if o.page != "" {
		if d.page, err = listenPage(ctx, o.page); err != nil {
			return err
		}
	}
	d.line.add(time.Now(), "demo", "starts %d proxies and %d phones; the cluster's address is %s", o.proxies, o.phones, d.network.Cluster())
	if d.cluster, err = startCluster(ctx, o, d.network, d.line); err != nil {
		return err
	}
	d.line.add(time.Now(), "kubelet", "%d proxies run and are in the ring", o.proxies)
	if d.page != nil {
		d.page.serve(d.cluster, d.line)
		d.line.add(time.Now(), "demo", "live page: %s", d.page.url())
	}
	cfg, made := phones.Config{Domain: domain, Local: netip.AddrPortFrom(d.network.Host(200), 0)}, 0
	d.load, err = phones.NewLoad(o.phones, cfg, func(cfg phones.Config) (*phones.Phone, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.kind(&cfg, o, made)
		made++
		cfg.Password = d.cluster.passwords[cfg.User]
		return phones.New(cfg)
	})
	if err == nil {
		err = d.takeRinging(ctx, o, cfg)
	}
	if errors.Is(err, syscall.EMFILE) {
		err = fmt.Errorf("%w: each phone needs a socket: raise the limit of open files (ulimit -n) or give fewer --phones", err)
	}
	return err
}

// play tells the story.
func (d *demo) play(ctx context.Context, o *options, out io.Writer) error {
	s := newScenario(d, o)
	if err := s.play(ctx); err != nil {
		return d.cluster.explain(ctx, err)
	}
	return d.conclude(ctx, s, out)
}

// conclude prints the result, and is an error when it is not a good one.
func (d *demo) conclude(ctx context.Context, s *scenario, out io.Writer) error {
	s.result.print(out)
	if s.result.lost() {
		return d.cluster.explain(ctx, errLost)
	}
	return nil
}

// close frees all that there is.
func (d *demo) close() {
	if d.page != nil {
		d.page.close()
	}
	if d.cluster != nil {
		d.cluster.close()
	}
	for _, l := range []*phones.Load{d.load, d.ringing} {
		if l != nil {
			l.Close()
		}
	}
	if d.network != nil {
		d.network.Release()
	}
}

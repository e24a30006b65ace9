package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/admin"
	"github.com/sipring/sipring/proxy/certificates"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/control"
	"github.com/sipring/sipring/proxy/memberset"
	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/server"
	"github.com/sipring/sipring/proxy/token"
)

// proxy is one running proxy.
type proxy struct {
	options
	namespace string
	config    atomic.Pointer[config.Config] // in force
	keys      atomic.Pointer[config.Keys]   // in force; nil where none are needed yet
	trust     atomic.Pointer[config.Trust]  // in force; nil where nobody signs member sets
	source    memberset.Source
	level     slog.LevelVar
	log       *slog.Logger

	metrics      *metrics
	lease        *memberset.Lease // nil outside of Kubernetes
	node         atomic.Pointer[peer.Node]
	server       *server.Server
	tokens       *token.Keys         // the server's
	access       *access             // the server's
	certificates *certificates.Store // of its listeners
	rekeying     sync.Mutex          // held while keys are put in force
	admin        *admin.Server
	control      *control.Server // nil: there is none
	failed       chan error      // why starting failed; capacity 1
	broken       bool            // it has failed
	// lettingGo: whoever steers traffic should take what still comes elsewhere.
	lettingGo atomic.Bool
	departure *departure
	// superseded: the set in force knows of this process no more. Only apply touches it.
	superseded bool
	beside     *beside // the application; nil: there is none
	waiting    string  // what was said last while waiting to be listed
}

// run runs the proxy until ctx ends or a signal asks to stop, then leaves in
// order.
func (p *proxy) run(ctx context.Context) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	p.failed = make(chan error, 1)
	if err := p.openSource(); err != nil {
		return err
	}
	p.warnUnknown(p.config.Load())
	p.log.Info("starting", "version", buildVersion(), "cluster", p.config.Load().Cluster, "name", p.name)
	if err := p.startAdmin(p.address); err != nil { // health before a member set comes
		return err
	}
	p.startControl()
	var following sync.WaitGroup
	following.Go(func() { p.source.Run(ctx, func(set *config.MemberSet) { p.apply(ctx, set) }) })
	following.Go(func() { memberset.Follow(ctx, p.options.config, p.reconfigure) })
	if p.options.keys != "" {
		following.Go(func() { memberset.FollowBy(ctx, p.options.keys, readKeyFile, p.rekey) })
	}
	if p.options.trust != "" {
		following.Go(func() { memberset.Follow(ctx, p.options.trust, p.believe) })
	}
	if p.lease != nil {
		following.Go(func() { p.lease.Run(ctx) })
		following.Go(func() { p.keepWord(ctx, p.lease.Say) })
		following.Go(func() { p.keepEpoch(ctx, p.lease) })
		following.Go(func() { p.keepReport(ctx, p.lease.Saw) })
	}
	defer func() {
		cancel()
		p.bounded(func() {
			following.Wait()
			p.close()
		})
	}()
	select {
	case err := <-p.failed:
		return err
	case <-ctx.Done():
	case s := <-signals:
		p.log.Info("stopping: handing over", "signal", s.String(), "atMost", p.config.Load().DrainTime().String())
	}
	return p.drain(signals)
}

// openSource says where the member set comes from.
func (p *proxy) openSource() error {
	if p.configMap == "" {
		p.source = memberset.NewFile(p.members, p.parseSet, p.log)
		return nil
	}
	client, err := memberset.InCluster()
	if err != nil {
		if p.members == "" {
			return fmt.Errorf("--configmap: %w", err)
		}
		p.log.Warn("no Kubernetes API: following the mounted member set alone", "error", err)
		p.source = memberset.NewFile(p.members, p.parseSet, p.log)
		return nil
	}
	p.lease = memberset.NewLease(client, memberset.LeaseConfig{
		Namespace: p.namespace, Pod: p.name, PodUID: os.Getenv("POD_UID"), Cluster: p.config.Load().Cluster, Log: p.log,
	})
	p.tellKeys()
	p.tellTrust()
	p.source = memberset.NewConfigMap(client, p.namespace, p.configMap, p.members, p.parseSet, p.log)
	return nil
}

// reconfigure takes the configuration file as it is now.
func (p *proxy) reconfigure(content []byte, err error) {
	var next *config.Config
	if err == nil {
		next, err = config.ParseConfig(content)
	}
	if err != nil {
		p.log.Warn("configuration ignored: what was in force stays", "file", p.options.config, "error", err)
		return
	}
	old := p.config.Load()
	now, waiting := old.Reload(next)
	if !slices.Equal(now.Unknown, old.Unknown) {
		p.warnUnknown(now)
	}
	if len(waiting) > 0 {
		p.log.Warn("configuration changed where only a start can follow", "fields", waiting)
	}
	if reflect.DeepEqual(now, old) {
		return
	}
	if p.node.Load() != nil {
		if err := p.access.follow(now); err != nil {
			p.log.Warn("configuration ignored: what was in force stays", "file", p.options.config, "error", err)
			return
		}
	}
	p.config.Store(now)
	if level, err := now.Level(); err == nil {
		p.level.Set(level)
	}
	if p.node.Load() != nil {
		p.server.Reconfigure(now)
	}
	p.log.Info("configuration applied")
}

// mostNamed bounds the fields that one line of the log names.
const mostNamed = 20

// warnUnknown tells a person which fields of the configuration have no effect: no
// version but a later one knows them, or they are misspelt.
func (p *proxy) warnUnknown(c *config.Config) {
	if n := len(c.Unknown); n > 0 {
		p.log.Warn("configuration has fields that this version does not know: they have no effect", "file", p.options.config,
			"version", buildVersion(), "count", n, "fields", c.Unknown[:min(n, mostNamed)])
	}
}

// apply takes a newer member set; calls come one at a time. The first that
// lists this member starts it.
func (p *proxy) apply(ctx context.Context, set *config.MemberSet) {
	if n := p.node.Load(); n != nil {
		n.SetMembers(set)
		p.moveIfSuperseded(ctx, n)
		return
	}
	self, err := p.listed(set)
	if err != nil {
		if err.Error() != p.waiting {
			p.waiting = err.Error()
			p.log.Info("waiting to be listed in the member set", "epoch", set.Epoch, "reason", p.waiting)
		}
		return
	}
	if p.broken {
		return // on its way out
	}
	if err := p.start(self, set); err != nil {
		p.broken = true
		p.failed <- fmt.Errorf("start: %w", err)
	}
}

// steered is how long it takes, at most, until traffic follows a readiness that
// ended: two failed probes a second apart, the operator, kube-proxy.
const steered = 4 * time.Second

// moveOff has the phones with connections go to other members, when new connections go
// there. The channel is closed when they have.
func (p *proxy) moveOff(ctx context.Context) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		if p.lease != nil {
			select {
			case <-time.After(steered):
			case <-ctx.Done():
				return
			}
		}
		p.server.MoveOff(ctx, p.config.Load().DrainTime()/2)
	}()
	return done
}

// letGo ends this proxy's readiness. New flows go elsewhere from the beginning
// of the drain; those that whoever steers traffic remembers come here until now.
// Moving them may cost the responses of calls being set up, where the caller is
// behind NAT, so these may take half of the time there is.
func (p *proxy) letGo(ctx context.Context) {
	settle, cancel := context.WithTimeout(ctx, p.config.Load().DrainTime()/2)
	p.server.Settle(settle)
	cancel()
	p.lettingGo.Store(true)
	p.log.Info("not ready any more: flows go elsewhere")
	if p.lease == nil {
		return // nobody probes
	}
	select {
	case <-time.After(steered):
	case <-ctx.Done():
	}
}

// closeWait bounds how long an exit takes once everything is handed over.
const closeWait = 5 * time.Second

// bounded runs f, and goes on without it if it does not end: the process exits
// whatever happens.
func (p *proxy) bounded(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(closeWait):
		p.log.Error("closing takes too long: exiting all the same")
	}
}

func (p *proxy) close() {
	if p.beside != nil {
		p.beside.stop()
	}
	if p.control != nil {
		if err := p.control.Close(); err != nil {
			p.log.Warn("closing the control socket", "error", err)
		}
	}
	if n := p.node.Load(); n != nil {
		n.Close()
	}
	if p.server != nil {
		if err := p.server.Close(); err != nil {
			p.log.Warn("closing", "error", err)
		}
	}
	if p.access != nil {
		p.access.close()
	}
	if p.certificates != nil {
		p.certificates.Close()
	}
	if p.admin != nil {
		_ = p.admin.Close()
	}
}

package command

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
	"github.com/sipring/sipring/proxy/peer"
)

// departure is the way out of the cluster. A process goes it once, whoever asks for it.
type departure struct {
	once   sync.Once
	ctx    context.Context // ends when there is no more time
	cancel context.CancelFunc
	done   chan struct{} // there is nothing more to wait for

	until atomic.Pointer[time.Time] // whoever asked for it waits so long; nil: that is not known

	handedOver, drained atomic.Bool
	// To be read when done:
	alone bool  // there is nobody to hand over to
	err   error // why not all was handed over
}

func newDeparture() *departure {
	d := &departure{done: make(chan struct{})}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// depart begins to leave, unless that has begun.
func (p *proxy) depart(node *peer.Node) *departure {
	d := p.departure
	d.once.Do(func() {
		go func() {
			defer close(d.done)
			p.leave(node)
		}()
	})
	return d
}

// leave hands over to the others, and lets transactions and the calls of the application
// end.
func (p *proxy) leave(node *peer.Node) {
	d := p.departure
	p.beside.leave()
	if v := node.View(); v == nil || len(v.Set.Members) < 2 {
		d.alone = true
		d.handedOver.Store(true)
		p.awaitCalls(d.ctx)
		return
	}
	moved := p.moveOff(d.ctx)
	d.err = node.Drain(d.ctx)
	d.handedOver.Store(d.err == nil)
	p.letGo(d.ctx)
	p.awaitCalls(d.ctx)
	<-moved
	ctx, cancel := context.WithTimeout(d.ctx, p.config.Load().DrainTime())
	defer cancel()
	p.server.Drain(ctx)
}

// callsPoll is how often the proxy looks whether calls go on.
const callsPoll = 50 * time.Millisecond

// callsTold is how often the log says how many calls go on.
const callsTold = 10 * time.Second

// left is for how long whoever has asked for it waits still.
func (d *departure) left() string {
	if until := d.until.Load(); until != nil {
		return max(0, time.Until(*until)).Round(time.Second).String()
	}
	return "unknown"
}

// callsLeft is how many calls the application has, for the log; nothing where there is none.
func (p *proxy) callsLeft() []any {
	if p.beside == nil {
		return nil
	}
	return []any{"calls", p.beside.calls()}
}

// awaitCalls returns when the application has no calls, or ctx ends.
func (p *proxy) awaitCalls(ctx context.Context) {
	tick := time.NewTicker(callsPoll)
	defer tick.Stop()
	for told := (time.Time{}); p.beside.calls() > 0; {
		if time.Since(told) >= callsTold {
			told = time.Now()
			p.log.Info("waiting for the calls of the application", append(p.callsLeft(), "atMost", p.departure.left())...)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	if p.beside != nil {
		p.log.Info("the application has no calls any more")
	}
	p.departure.drained.Store(p.departure.handedOver.Load())
}

// drain leaves, until the time is over or another signal comes.
func (p *proxy) drain(signals <-chan os.Signal) error {
	node := p.node.Load()
	if node == nil {
		return nil
	}
	d := p.depart(node)
	timer := time.NewTimer(p.config.Load().DrainTime())
	defer timer.Stop()
	select {
	case <-d.done:
	case <-timer.C:
	case <-signals:
		p.log.Warn("stopping at once")
	}
	d.cancel()
	<-d.done
	if n := p.beside.calls(); n > 0 {
		p.log.Warn("left before the calls of the application were over", "calls", n)
	}
	switch {
	case d.alone:
	case d.err != nil:
		p.log.Warn("left before everything was handed over", "error", d.err)
	default:
		p.log.Info("handed over")
	}
	return nil
}

// Drain implements control.Backend.
func (i *inspector) Drain(ctx context.Context, atMost time.Duration, tell func(answers.Drain) error) error {
	node, _, err := i.ready()
	if err != nil {
		return err
	}
	d := i.p.departure
	if atMost > 0 {
		d.until.Store(new(time.Now().Add(atMost)))
	}
	i.p.log.Info("draining: asked over the control socket", append(i.p.callsLeft(), "atMost", d.left())...)
	i.p.depart(node)
	tick := time.NewTicker(callsPoll)
	defer tick.Stop()
	for told := (answers.Drain{Calls: -1}); ; {
		over := ctx.Err() != nil // and this is the last look
		now := answers.Drain{Drained: d.drained.Load(), HandedOver: d.handedOver.Load(), Calls: i.p.beside.calls()}
		if now != told {
			if err := tell(now); err != nil {
				return err
			}
			told = now
		}
		switch {
		case now.Drained:
			return nil
		case over:
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

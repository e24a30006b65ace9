package command

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/server"
)

const (
	// pinInterval is how often the proxy looks which pins are to be written, and mostPins
	// how many it writes then, at most.
	pinInterval = 250 * time.Millisecond
	mostPins    = 128
)

// beside is the application beside this proxy, and what looks after it.
type beside struct {
	*application.Local
	cancel context.CancelFunc
	ended  sync.WaitGroup
	cseq   atomic.Uint32 // of what pins
}

// newBeside is the application that the configuration has, nil if it has none. Nothing is
// known of it before start.
func (p *proxy) newBeside(self config.Member) *beside {
	c := p.config.Load()
	if c.LocalApp == nil {
		return nil
	}
	life := time.Duration(c.TokenHours) * time.Hour
	return &beside{Local: application.NewLocal(c.LocalApp, application.Host(self.Address), self.ID, life, p.log), cancel: func() {}}
}

// start looks after the application until stop.
func (b *beside) start(self config.Member, node *peer.Node, s *server.Server) {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.Tell(s.TellApplication)
	life := s.Life()
	b.ended.Go(func() { b.Run(ctx, life) })
	b.ended.Go(func() { b.keepPins(ctx, self.ID, life, node) })
	b.ended.Go(func() { b.meet(ctx, node, s) })
}

// meetInterval is how often the proxy looks whether there are members that have not heard of
// its application.
const meetInterval = 100 * time.Millisecond

// meet tells each member that comes, or is back, what the application is, until ctx ends.
func (b *beside) meet(ctx context.Context, node *peer.Node, s *server.Server) {
	tick := time.NewTicker(meetInterval)
	defer tick.Stop()
	var told *cluster.View
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if v := node.View(); v != told {
			told = v
			s.TellApplication(b.State())
		}
	}
}

func (b *beside) stop() {
	b.cancel()
	b.ended.Wait()
}

// keepPins writes what is to be pinned, and forgets the applications of members that are
// gone, until ctx ends.
func (b *beside) keepPins(ctx context.Context, self, life uint32, node *peer.Node) {
	tick := time.NewTicker(pinInterval)
	defer tick.Stop()
	seen, kept := uint64(0), uint64(0) // epochs
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.PinNews():
			b.pinAll(b.PinsSoon(), self, life, node)
			continue
		case <-tick.C:
		}
		b.pinAll(b.PinsDue(mostPins), self, life, node)
		v := node.View()
		if v == nil {
			continue
		}
		if v.Epoch == seen && v.Epoch != kept { // a newer one may already have spoken
			b.Table.Keep(memberIDs(v))
			kept = v.Epoch
		}
		seen = v.Epoch
	}
}

func (b *beside) pinAll(pins []application.PinDue, self, life uint32, node *peer.Node) {
	for _, pin := range pins {
		b.pin(pin, self, life, node)
	}
}

// pin writes one, unless another application has it.
func (b *beside) pin(pin application.PinDue, self, life uint32, node *peer.Node) {
	memory := &application.PinUpdate{}
	write := &cluster.RegisterOp{
		Update: memory.Update([]byte(pin.AOR), self, life, b.cseq.Add(1), pin.Seconds),
		Done: func(op *cluster.RegisterOp) {
			if op.Status != location.StatusOK {
				b.PinFailed(pin.AOR)
				return
			}
			b.PinWritten()
		},
	}
	node.Lookup(&cluster.LookupOp{AOR: write.Update.AOR, Done: func(op *cluster.LookupOp) {
		id, until, pinned := application.PinnedUntil(op.Record, op.Now)
		switch {
		case op.Result == cluster.Unavailable:
			b.PinFailed(pin.AOR)
		case pinned && !b.MayPin(id):
			b.PinHeld(pin.AOR, time.Duration(until-op.Now)*time.Millisecond)
		default:
			node.Register(write)
		}
	}})
}

func memberIDs(v *cluster.View) (ids []uint32) {
	for i := range v.Set.Members {
		ids = append(ids, v.Set.Members[i].ID)
	}
	return ids
}

// calls is how many calls the application has; 0 where there is none.
func (b *beside) calls() int {
	if b == nil {
		return 0
	}
	return b.Calls()
}

// leave has no new call go to the application.
func (b *beside) leave() {
	if b != nil {
		b.Leave()
	}
}

// report is what the proxy reports of the application; nil where there is none.
func (b *beside) report() *config.Application {
	if b == nil {
		return nil
	}
	s := b.Status()
	return &config.Application{State: config.ApplicationState(s.State), Since: s.Since}
}

// status is what /v1/status shows of it; nil where there is none.
func (b *beside) status() *application.Status {
	if b == nil {
		return nil
	}
	s := b.Status()
	return &s
}

package peer

import (
	"context"
	"fmt"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
)

// accepting is the life of a link on the side that is dialled.
func (l *link) accepting(ctx context.Context) {
	up := false
	var last error
	for ctx.Err() == nil {
		if l.sound.wait(ctx) {
			last = errBack
			l.running.Go(func() { l.knock(ctx) })
		}
		s, err := l.await(ctx, up, last)
		if ctx.Err() != nil {
			failAll(errClosed, s)
			return
		}
		if err != nil && l.sound.stuck.Load() {
			continue
		}
		if err != nil {
			l.membership.peerDown(l, err) // it was up: otherwise there is no limit to the wait
			up = false
			continue
		}
		up = true
		l.serve(ctx, s)
		last = s.cause()
	}
}

// await waits for the other to dial. While the member still counts as up its
// port is probed: a refusal, or no new stream in time, says that it is down.
func (l *link) await(ctx context.Context, up bool, last error) (*stream, error) {
	var limit <-chan time.Time
	probe := make(chan error, 1)
	if up {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		l.running.Go(func() { probe <- l.dialler.probe(ctx, func() string { return l.peer().Address }) })
		timer := time.NewTimer(patience(last))
		defer timer.Stop()
		limit = timer.C
	}
	for {
		select {
		case <-l.arrived:
			if s := l.take(); s != nil {
				return s, nil
			}
		case err := <-probe:
			if err != nil {
				return nil, err
			}
		case <-limit:
			return nil, fmt.Errorf("no new stream after: %w", last)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// callOn knocks until the other has dialled, or is given up: its member set may
// be too old to have this member in it, and it gets ours so.
func (l *link) callOn(ctx context.Context) {
	for until := time.Now().Add(cluster.DefaultUnknownWait * time.Millisecond); time.Now().Before(until); {
		l.knock(ctx)
		l.mu.Lock()
		met := l.cur != nil || l.next != nil
		l.mu.Unlock()
		if met {
			return
		}
		select {
		case <-time.After(knockPause):
		case <-ctx.Done():
			return
		}
	}
}

// knock tells the side that dials, which may be pausing, that we live.
func (l *link) knock(ctx context.Context) {
	if s, err := l.dialler.dial(ctx, l.id, l.peer().Address, confirmTimeout); err == nil {
		s.fail(errClosed) // not for us to dial: it never answers
	}
}

package peer

import (
	"context"
	"fmt"

	"github.com/sipring/sipring/proxy/cluster"
)

func (n *Node) signalProgress() {
	select {
	case n.progress <- struct{}{}:
	default:
	}
}

func (n *Node) reportProgress() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.apply(n.membership.Progress(n.now(), n.sumProgress()))
	if n.membership.Drained() {
		select {
		case <-n.drained:
		default:
			close(n.drained)
		}
	}
}

func (n *Node) sumProgress() cluster.Progress {
	var sum cluster.Progress
	for i := range n.cores {
		n.cores[i].mu.Lock()
		p := n.cores[i].m.Progress()
		n.cores[i].mu.Unlock()
		if i == 0 {
			sum = p
		} else {
			sum = sum.Add(p)
		}
	}
	return sum
}

// Drain leaves in order: out of the ring, then wait until others hold all that
// this member held, or the context ends.
func (n *Node) Drain(ctx context.Context) error {
	n.mu.Lock()
	n.apply(n.membership.Drain(n.now()))
	n.mu.Unlock()
	n.events.add(Event{Kind: EventDraining, Epoch: n.epoch()})
	n.signalProgress()
	select {
	case <-n.drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("others do not hold everything yet: %w", ctx.Err())
	}
}

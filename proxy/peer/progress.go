package peer

import (
	"context"
	"fmt"
)

// report takes what the cores hold by now.
func (m *membership) report() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apply(m.machine.Progress(m.clock.now(), m.cores.progress()))
	if m.machine.Drained() {
		select {
		case <-m.drained:
		default:
			close(m.drained)
		}
	}
}

// drain is Node.Drain.
func (m *membership) drain(ctx context.Context) error {
	m.mu.Lock()
	m.apply(m.machine.Drain(m.clock.now()))
	m.mu.Unlock()
	m.events.add(Event{Kind: EventDraining, Epoch: m.view.epoch()})
	m.pace.progressed()
	select {
	case <-m.drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("others do not hold everything yet: %w", ctx.Err())
	}
}

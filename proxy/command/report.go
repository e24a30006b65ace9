package command

import (
	"context"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// reportInterval is how often the proxy looks what it has to report.
const reportInterval = time.Second

// keepReport tells what this proxy holds and saw until ctx ends, once it is in a
// member set.
func (p *proxy) keepReport(ctx context.Context, saw func(config.Report)) {
	tick := time.NewTicker(reportInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if node := p.node.Load(); node != nil {
			r := node.Report()
			r.Application = p.beside.report()
			saw(r)
		}
	}
}

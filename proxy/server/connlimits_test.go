package server

import (
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// The configuration says how many connections a listener holds, and how many of them a
// source has and begins. Who is trusted has as many as there are places.
func TestConfiguredConnectionLimits(t *testing.T) {
	t.Parallel()
	const own, few = 2, 4
	for name, tt := range map[string]struct {
		option func(*proxyOptions)
		gone   int // of six connections
	}{
		"of all":        {func(o *proxyOptions) { o.config.Limits.Connections.Total = few }, 6 - few},
		"of one source": {func(o *proxyOptions) { o.config.Limits.Connections.PerSource = own }, 6 - own},
		"of who is trusted": {func(o *proxyOptions) {
			l := &o.config.Limits
			l.Connections.PerSource, l.Connections.NewPerSecond, l.Connections.Total = 1, 1, few
			l.Trusted = []string{"127.0.0.0/8"}
		}, 6 - few},
		"a second": {func(o *proxyOptions) {
			o.config.Limits.Connections.PerSource, o.config.Limits.Connections.NewPerSecond = own, 1
		}, 6 - own},
		"by default": {func(*proxyOptions) {}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startProxy(t, everyTransport, tt.option)
			var all []*phone
			for range 6 {
				p := newPhoneOver(t, flow.TCP, "bob", x)
				_ = p.over.ping() // of one that is not let in there is no answer
				all = append(all, p)
			}
			counted(t, "connections are gone", func() (n uint64) {
				for _, p := range all {
					if p.over.ping() != nil {
						n++
					}
				}
				return n
			}, tt.gone)
		})
	}
}

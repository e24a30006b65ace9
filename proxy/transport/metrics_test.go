package transport

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sipring/sipring/proxy/flow"
)

// shown are the metrics of connections that are not 0.
func (h *far) shown() (all []string) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(h.stack.Metrics())
	families, err := registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
				all = append(all, strings.TrimPrefix(f.GetName(), "sipring_proxy_")+labels(m)+fmt.Sprint(" ", v))
			}
		}
	}
	return all
}

func labels(m *dto.Metric) (text string) {
	for _, l := range m.GetLabel() {
		text += " " + l.GetValue()
	}
	return text
}

func TestStreamMetrics(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP}, overTLS(t))
	p := h.dial(flow.TCP)
	p.write(options("echo", ""))
	p.reads(options("echo", ""))
	size := len(options("echo", ""))
	half := h.dial(flow.TLS)
	garbage := h.dial(flow.TLS)
	garbage.write(options("a", ""))
	upTo(t, "counted", func() bool { return h.closes(closedHandshake) == 1 })
	want := []string{
		"connection_handshakes_total done 1", "connection_handshakes_total tls 1",
		"connections handshake TLS 1", "connections open TCP 1",
		"connections_closed_total handshake 1",
		fmt.Sprintf("stream_bytes_total in TCP %d", size), fmt.Sprintf("stream_bytes_total out TCP %d", size),
		"stream_messages_total in TCP 1", "stream_messages_total out TCP 1",
	}
	got := slices.DeleteFunc(h.shown(), func(line string) bool { // how much of that which is not TLS was read
		return strings.HasPrefix(line, "stream_bytes_total") && strings.Contains(line, "TLS")
	})
	if !slices.Equal(got, want) {
		t.Errorf("shown\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	_, _ = p.Close(), half.Close()
	upTo(t, "all gone", func() bool { return h.closes(closedByPeer) == 1 && h.closes(closedHandshake) == 2 })
	for _, line := range h.shown() {
		if strings.HasPrefix(line, "connections ") {
			t.Errorf("left: %s", line)
		}
	}
}

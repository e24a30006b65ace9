package transport

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/metric"
	"github.com/sipring/sipring/proxy/flow"
)

// streamMetrics are those of connections.
type streamMetrics struct {
	*metric.Set
	of           [flow.Transports]transportMetrics
	handshakes   []metric.Counter // by handshakeResult
	closed       []metric.Counter // by closeReason, but for the first
	dials        []metric.Counter // by dialResult
	aliases      metric.Counter
	acceptErrors metric.Counter
}

// transportMetrics are those of the connections of one transport.
type transportMetrics struct {
	handshaking, open prometheus.Gauge
	messages, sent    metric.Counter
	bytesIn, bytesOut metric.Counter
}

func newStreamMetrics() *streamMetrics {
	s := metric.NewSet("sipring_proxy_")
	direction := metric.Label{Name: "direction", Values: []string{"in", "out"}}
	transports := metric.Label{Name: "transport"}
	for t := flow.TCP; t < flow.Local; t++ {
		transports.Values = append(transports.Values, t.String())
	}
	m := &streamMetrics{
		Set:          s,
		handshakes:   s.Counters("connection_handshakes_total", "Connections that came in, by what became of PROXY header, TLS and WebSocket handshake.", metric.Label{Name: "result", Values: handshakeNames[:]}),
		closed:       s.Counters("connections_closed_total", "Connections that are over, by why.", metric.Label{Name: "reason", Values: reasonNames[1:]}),
		dials:        s.Counters("connection_dials_total", "Connections to be opened from here, by what became of it.", metric.Label{Name: "result", Values: dialNames[:]}),
		aliases:      s.Counter("connection_aliases_total", "Connections that came in and are used as if they had been opened from here (RFC 5923)."),
		acceptErrors: s.Counter("connection_accept_errors_total", "Connections that could not be taken in, as a rule for want of file descriptors."),
	}
	states := s.Gauges("connections", "Connections that there are.", transports, metric.Label{Name: "state", Values: []string{"handshake", "open"}})
	messages := s.Counters("stream_messages_total", "SIP messages over connections.", transports, direction)
	bytes := s.Counters("stream_bytes_total", "Bytes over connections, those of TLS and WebSocket frames among them.", transports, direction)
	for i := range len(states) / 2 {
		m.of[int(flow.TCP)+i] = transportMetrics{
			states[2*i], states[2*i+1], messages[2*i], messages[2*i+1], bytes[2*i], bytes[2*i+1],
		}
	}
	return m
}

func (m *transportMetrics) read(n int)    { m.bytesIn.Add(float64(max(n, 0))) }
func (m *transportMetrics) written(n int) { m.bytesOut.Add(float64(max(n, 0))) }

func (m *streamMetrics) ended(why closeReason) { m.closed[why-1].Inc() }

package server

import (
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// dropReason says why a message was dropped without an answer.
type dropReason uint8

const (
	dropKeepalive     dropReason = iota // CRLF or STUN: not SIP, not a fault
	dropNotSIP                          // no start line of SIP
	dropMalformed                       // a response or ACK that cannot be read, or a request nobody can answer
	dropRateLimited                     // an error response that was held back
	dropStray                           // a response whose branch is not ours
	dropLate                            // a response to a transaction that has ended (RFC 6026 7.3)
	dropAck                             // an ACK that leads nowhere
	dropNoDestination                   // the next hop has no address
	dropPeerFrame                       // a frame of another member that makes no sense
	dropSuperseded                      // a request that needs the cluster, which knows of this process no more
	dropHop                             // a response without a transaction whose next Via is not the one we signed
	dropSource                          // a request whose answer would go where none may
	dropAmplifies                       // a request too small for an answer to a source that may be forged
	dropFlood                           // of a source that sends more than limits.messagesPerSecond
	dropNew                             // of a source that begins more than limits.newPerSecond
	dropStrangers                       // of a source that nothing is known of, while too many of those come
	dropReasons
)

var dropNames = [dropReasons]string{
	dropKeepalive: "keepalive", dropNotSIP: "not_sip", dropMalformed: "malformed", dropRateLimited: "rate_limited",
	dropStray: "stray_response", dropLate: "late_response", dropAck: "ack",
	dropNoDestination: "no_destination", dropPeerFrame: "peer_frame", dropSuperseded: "superseded", dropHop: "altered_via",
	dropSource: "refused_source", dropAmplifies: "amplifies",
	dropFlood: "flood", dropNew: "too_many_new",
	dropStrangers: "strangers",
}

const (
	methods = int(wire.MethodPublish) + 1
	codes   = 700
)

// histogramBounds are the upper bounds of the register duration in seconds.
var histogramBounds = [...]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}

// Metrics counts what the hot path does in plain atomics and shows them as a
// prometheus.Collector. Safe for concurrent use.
type Metrics struct {
	requests   [methods]atomic.Uint64
	local      [codes]atomic.Uint64 // responses made here
	forwarded  [codes]atomic.Uint64 // responses passed on
	dropped    [dropReasons]atomic.Uint64
	stateless  atomic.Uint64 // messages forwarded without a transaction
	toOwner    atomic.Uint64 // messages handed to the member that has their transaction, or may have it
	fromPeer   atomic.Uint64 // messages from other members that were for a transaction here
	forged     atomic.Uint64 // requests with a token that does not verify
	refused    atomic.Uint64 // targets that the egress policy refuses
	leftOut    atomic.Uint64 // contacts and targets beyond what a request may lead to
	registers  [len(histogramBounds) + 1]atomic.Uint64
	registerNS atomic.Uint64

	gauges func(*gauges)
}

// gauges are read when metrics are collected.
type gauges struct {
	transactions transaction.Stats
	received     uint64
	sent         uint64
	readErrors   uint64
	sendErrors   uint64
}

func (m *Metrics) drop(r dropReason) { m.dropped[r].Add(1) }

func (m *Metrics) allRequests() (n uint64) {
	for i := range m.requests {
		n += m.requests[i].Load()
	}
	return n
}

func (m *Metrics) registered(d time.Duration) {
	s, i := d.Seconds(), 0
	for i < len(histogramBounds) && s > histogramBounds[i] {
		i++
	}
	m.registers[i].Add(1)
	m.registerNS.Add(uint64(max(d, 0)))
}

func count(codes *[codes]atomic.Uint64, status int) {
	if status >= 100 && status < len(codes) {
		codes[status].Add(1)
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sipring_proxy_"+name, help, labels, nil)
}

var (
	requestsDesc     = desc("requests_total", "Requests received, retransmissions included.", "method")
	responsesDesc    = desc("responses_total", "Responses sent, by who made them: local or forwarded.", "code", "origin")
	droppedDesc      = desc("dropped_total", "Messages dropped without an answer.", "reason")
	statelessDesc    = desc("stateless_total", "Messages forwarded without a transaction.")
	handedDesc       = desc("messages_handed_total", "Responses and ICMP errors handed to the member that owns their transaction, and ACKs and responses offered to members that may.")
	takenDesc        = desc("messages_taken_total", "Responses, ACKs and ICMP errors taken from other members.")
	forgedDesc       = desc("forged_tokens_total", "Requests refused because their Route holds a token that does not verify.")
	refusedDesc      = desc("egress_refused_total", "Targets of requests that the egress policy refuses.")
	leftOutDesc      = desc("targets_left_out_total", "Contacts and targets of requests that are beyond what one request may lead to.")
	transactionsDesc = desc("transactions", "Transactions held.")
	eventsDesc       = desc("transaction_events_total", "What happened to transactions.", "event")
	registerDesc     = desc("register_duration_seconds", "From a REGISTER to its final response.")
	datagramsDesc    = desc("datagrams_total", "UDP datagrams.", "direction")
	udpErrorsDesc    = desc("udp_errors_total", "Errors of the UDP sockets.", "direction")
)

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		requestsDesc, responsesDesc, droppedDesc, statelessDesc, handedDesc, takenDesc, forgedDesc, refusedDesc, leftOutDesc,
		transactionsDesc, eventsDesc, registerDesc, datagramsDesc, udpErrorsDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for i := range m.requests {
		counter(requestsDesc, m.requests[i].Load(), methodLabel(wire.Method(i)))
	}
	for i := range m.local {
		if v := m.local[i].Load(); v > 0 {
			counter(responsesDesc, v, strconv.Itoa(i), "local")
		}
		if v := m.forwarded[i].Load(); v > 0 {
			counter(responsesDesc, v, strconv.Itoa(i), "forwarded")
		}
	}
	for i := range m.dropped {
		counter(droppedDesc, m.dropped[i].Load(), dropNames[i])
	}
	counter(statelessDesc, m.stateless.Load())
	counter(handedDesc, m.toOwner.Load())
	counter(takenDesc, m.fromPeer.Load())
	counter(forgedDesc, m.forged.Load())
	counter(refusedDesc, m.refused.Load())
	counter(leftOutDesc, m.leftOut.Load())
	m.collectRegisters(ch)
	if m.gauges == nil {
		return
	}
	var g gauges
	m.gauges(&g)
	ch <- prometheus.MustNewConstMetric(transactionsDesc, prometheus.GaugeValue, float64(g.transactions.Held))
	collectTransactions(counter, &g.transactions)
	counter(datagramsDesc, g.received, "in")
	counter(datagramsDesc, g.sent, "out")
	counter(udpErrorsDesc, g.readErrors, "in")
	counter(udpErrorsDesc, g.sendErrors, "out")
}

func collectTransactions(counter func(*prometheus.Desc, uint64, ...string), s *transaction.Stats) {
	counter(eventsDesc, s.Created, "created")
	counter(eventsDesc, s.Overloaded, "overloaded")
	counter(eventsDesc, s.Repeated, "retransmission_received")
	counter(eventsDesc, s.Resent, "retransmission_sent")
	counter(eventsDesc, s.Cancelled, "cancelled")
	counter(eventsDesc, s.TimedOut, "branch_timed_out")
	counter(eventsDesc, s.RungOut, "rung_out")
	counter(eventsDesc, s.Unreachable, "branch_unreachable")
	counter(eventsDesc, s.Unanswered, "unanswered")
	counter(eventsDesc, s.Yielded, "yielded")
	counter(eventsDesc, s.Unacked, "unacked")
	counter(eventsDesc, s.LateSuccesses, "late_success")
}

func (m *Metrics) collectRegisters(ch chan<- prometheus.Metric) {
	buckets, total := map[float64]uint64{}, uint64(0)
	for i := range m.registers {
		total += m.registers[i].Load()
		bound := math.Inf(1)
		if i < len(histogramBounds) {
			bound = histogramBounds[i]
		}
		buckets[bound] = total
	}
	delete(buckets, math.Inf(1))
	sum := time.Duration(m.registerNS.Load()).Seconds()
	ch <- prometheus.MustNewConstHistogram(registerDesc, total, sum, buckets)
}

func methodLabel(m wire.Method) string {
	if m == wire.MethodOther {
		return "OTHER"
	}
	return m.String()
}

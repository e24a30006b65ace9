package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/metric"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// dropReason says why a message was dropped without an answer.
type dropReason uint8

const (
	dropKeepalive     dropReason = iota // CRLF, or STUN that asks for nothing: not SIP, not a fault
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
	dropUnproved                        // of who has failed to authenticate too often
	dropReasons
)

var dropNames = [dropReasons]string{
	dropKeepalive: "keepalive", dropNotSIP: "not_sip", dropMalformed: "malformed", dropRateLimited: "rate_limited",
	dropStray: "stray_response", dropLate: "late_response", dropAck: "ack",
	dropNoDestination: "no_destination", dropPeerFrame: "peer_frame", dropSuperseded: "superseded", dropHop: "altered_via",
	dropSource: "refused_source", dropAmplifies: "amplifies",
	dropFlood: "flood", dropNew: "too_many_new",
	dropStrangers: "strangers", dropUnproved: "unproved",
}

// origin says who made a response.
type origin uint8

const (
	local     origin = iota // this proxy
	forwarded               // a target
	origins
)

// Metrics are those of the data path, and the prometheus.Collector of them. Safe
// for concurrent use, without a lock.
type Metrics struct {
	*metric.Set
	requests     []metric.Counter // by method
	responses    []metric.Counter // by method, class and origin
	codes        []metric.Counter // by place in codeNames and origin
	results      []metric.Counter // of INVITEs that set up a call, by place in codeNames
	registers    []metric.Counter // by registerResult
	dropped      []metric.Counter // by dropReason
	stateless    metric.Counter   // messages forwarded without a transaction
	toOwner      metric.Counter   // messages handed to the member that has their transaction, or may have it
	fromPeer     metric.Counter   // messages from other members that were for a transaction here
	forged       metric.Counter   // requests with a token that does not verify
	refused      metric.Counter   // targets that the egress policy refuses
	relayed      metric.Counter   // messages given to the member that has the connection they go over
	lostFlow     metric.Counter   // messages of other members for connections that are over
	endedFlows   metric.Counter   // connections over which a phone has registered, that are over
	waits        []metric.Counter // requests that have waited for a phone, by waitOutcome
	stunAnswers  metric.Counter   // to keep-alives
	claims       []metric.Counter // packets over UDP flows whose owner was gone, by claimResult
	applications []metric.Counter // requests for applications, by appResult
	leftOut      metric.Counter   // contacts and targets beyond what a request may lead to

	registerTime prometheus.Histogram
	setupDelay   prometheus.Histogram
}

// newMetrics makes those of a server's data path.
func newMetrics() *Metrics {
	s := metric.NewSet("sipring_proxy_")
	byMethod, byOrigin := metric.Label{Name: "method", Values: methodLabels()}, metric.Label{Name: "origin", Values: []string{"local", "forwarded"}}
	byCode := metric.Label{Name: "code", Values: codeNames}
	return &Metrics{
		Set:          s,
		requests:     s.Counters("requests_total", "Requests received, retransmissions included.", byMethod),
		responses:    s.Counters("responses_total", "Responses sent, repeated ones included, by what was asked and who made them.", byMethod, metric.Label{Name: "class", Values: classNames[:]}, byOrigin),
		codes:        s.Counters("response_codes_total", "Responses sent, repeated ones included, by their code and who made them.", byCode, byOrigin),
		results:      s.Counters("call_results_total", "INVITEs outside of a dialog, by their first final response.", byCode),
		registers:    s.Counters("registrations_total", "REGISTERs by what became of them.", metric.Label{Name: "result", Values: registerNames[:]}),
		dropped:      s.Counters("dropped_total", "Messages dropped without an answer.", metric.Label{Name: "reason", Values: dropNames[:]}),
		stateless:    s.Counter("stateless_total", "Messages forwarded without a transaction."),
		toOwner:      s.Counter("messages_handed_total", "Responses and ICMP errors handed to the member that owns their transaction, and ACKs and responses offered to members that may."),
		fromPeer:     s.Counter("messages_taken_total", "Responses, ACKs and ICMP errors taken from other members."),
		forged:       s.Counter("forged_tokens_total", "Requests refused because their Route holds a token that does not verify."),
		refused:      s.Counter("egress_refused_total", "Targets of requests that the egress policy refuses."),
		relayed:      s.Counter("flow_messages_handed_total", "Messages handed to the member that holds the connection, or owns the UDP flow, that they go over."),
		lostFlow:     s.Counter("flow_messages_lost_total", "Messages that other members handed over for connections that have ended here."),
		endedFlows:   s.Counter("registered_connections_ended_total", "Connections over which a phone has registered, that are over."),
		waits:        s.Counters("waited_total", "Requests that waited for a phone to come back, by what became of them.", metric.Label{Name: "outcome", Values: waitNames[:]}),
		stunAnswers:  s.Counter("stun_answers_total", "STUN Binding requests over UDP that were answered."),
		claims:       s.Counters("flow_claims_total", "Packets of phones behind NAT over flows whose member was gone, by what became of the flow.", metric.Label{Name: "result", Values: claimNames[:]}),
		applications: s.Counters("application_calls_total", "Calls for applications, and requests within those that are lost, by what became of them.", metric.Label{Name: "result", Values: appResultNames[:]}),
		leftOut:      s.Counter("targets_left_out_total", "Contacts and targets of requests that are beyond what one request may lead to."),
		registerTime: s.Histogram("register_duration_seconds", "From a REGISTER to its final response.",
			.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5),
		setupDelay: s.Histogram("call_setup_delay_seconds", "From an INVITE outside of a dialog to the first 18x that is sent on.",
			.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20),
	}
}

// look shows what is counted below the server.
func (m *Metrics) look(s *Server) {
	metric.Fields(m.Set, s.table.Stats)
	metric.Fields(m.Set, s.layer.Stats)
	m.Add(s.layer.Metrics())
	m.Add(s.resolver.Metrics())
	m.GaugeFunc("registered_connections", "Connections over which a phone has registered.", func() float64 { return float64(s.registrants.len()) })
	m.GaugeFunc("dead_flows", "Connections of other members that are known to be over, within the last minute.", func() float64 { return float64(s.deaths.count(s.now())) })
	m.GaugeFunc("owned_udp_flows", "UDP flows of phones behind NAT that are reached through this proxy.", func() float64 { return float64(s.owned.len(s.now())) })
	m.GaugeFunc("awaited_udp_flows", "UDP flows of phones behind NAT whose proxy is gone, and whose next packet this one waits for.", func() float64 { return float64(s.away.len(s.now())) })
	m.GaugeFunc("waiting_requests", "Requests that wait for a phone to come back.", func() float64 { return float64(s.waiting.len()) })
}

func (m *Metrics) drop(r dropReason) { m.dropped[r].Inc() }

func (m *Metrics) allRequests() (n uint64) {
	for _, c := range m.requests {
		n += c.Load()
	}
	return n
}

// sent counts a response.
func (m *Metrics) sent(method wire.Method, status int, by origin) {
	class, place := status/100, codePlace(status)
	if class < 1 || class > classes {
		return
	}
	m.responses[(int(method)*classes+class-1)*int(origins)+int(by)].Inc()
	m.codes[place*int(origins)+int(by)].Inc()
}

// answered counts the first responses of a transaction: to an INVITE that sets up a
// call, the first 18x and the first final one. waited is in ms.
func (m *Metrics) answered(c *transaction.ResponseContext, status int, waited int64) {
	switch {
	case !c.Setup():
	case status/10 == 18:
		m.setupDelay.Observe(float64(waited) / 1000)
	case status >= 200:
		m.results[codePlace(status)].Inc()
	}
}

func methodLabels() (names []string) {
	for m := wire.MethodOther; m <= wire.MethodPublish; m++ {
		name := m.String()
		if m == wire.MethodOther {
			name = "OTHER"
		}
		names = append(names, name)
	}
	return names
}

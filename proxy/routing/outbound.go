package routing

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// optionOutbound is the option tag of RFC 5626.
const optionOutbound = "outbound"

// OutboundLines tell who registers that its flow is kept, and how often, in seconds, it is
// to be heard over it (RFC 5626 6, 10).
const OutboundLines = "Require: outbound\r\nFlow-Timer: 120\r\n"

// OutboundLinesUDP are the same of a flow over UDP, which translations forget sooner (RFC
// 5626 4.4.2).
const OutboundLinesUDP = "Require: outbound\r\nFlow-Timer: 25\r\n"

// readOutbound says whether the registration is one of a flow (RFC 5626 6): of a connection
// to us, or of one to an edge proxy that keeps flows, which its Path says by an ob parameter.
// Over UDP it may be one: if the registrar binds the flow. Behind a proxy that keeps none, on a connection, the phone
// is to register without.
func readOutbound(m *wire.Message, d *Decision) Verdict {
	if !supports(m, optionOutbound) || !d.hasRegID() {
		return Next
	}
	connected := d.From.Transport.Reliable()
	switch {
	case vias(m) == 1:
		d.Outbound, d.MayBeOutbound = connected, d.From.Transport == flow.UDP
	case d.edgeKeepsFlows():
		d.Outbound = true
	case connected:
		return d.Reject(439, "First Hop Lacks Outbound Support", "outbound", nil)
	}
	return Next
}

// hasRegID reports whether a contact is bound by instance and reg-id.
func (d *Decision) hasRegID() bool {
	for i := range d.contacts {
		if c := &d.contacts[i]; c.RegID != 0 && len(c.Instance) > 0 && c.Expires > 0 {
			return true
		}
	}
	return false
}

// vias counts the Vias of a request, up to 2.
func vias(m *wire.Message) (n int) {
	for range m.Values(wire.HeaderVia) {
		if n++; n > 1 {
			break
		}
	}
	return n
}

// edgeKeepsFlows reports whether a proxy of the Path says that it does (RFC 5626 5.1).
func (d *Decision) edgeKeepsFlows() bool {
	for v, rest := wire.CutValue(d.path); v != nil; v, rest = wire.CutValue(rest) {
		hop, err := wire.ParseNameAddr(v)
		if err != nil {
			return false
		}
		uri, err := wire.ParseURI(hop.URI)
		if err != nil {
			return false
		}
		if _, ob := uri.Param("ob"); ob {
			return true
		}
	}
	return false
}

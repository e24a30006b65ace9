package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/flow"
)

// transports are what the phones are on, one after the other. None is UDP.
type transports []flow.Transport

func everyTransport() transports { return transports{flow.UDP, flow.TCP, flow.TLS, flow.WSS} }

// String and the next two methods are a flag's.
func (o *transports) String() string {
	var names []string
	for _, t := range *o {
		names = append(names, strings.ToLower(t.String()))
	}
	return strings.Join(names, ",")
}

// Set takes a list.
func (o *transports) Set(text string) error {
	var all transports
	for name := range strings.SplitSeq(text, ",") {
		i := slices.IndexFunc(everyTransport(), func(t flow.Transport) bool { return strings.EqualFold(name, t.String()) })
		if i < 0 {
			return fmt.Errorf("%q is not udp, tcp, tls or wss", name)
		}
		if t := everyTransport()[i]; !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	*o = all
	return nil
}

// Type is what the list is of.
func (o *transports) Type() string { return "names" }

// of is what the i-th phone is on.
func (o transports) of(i int) flow.Transport {
	if len(o) == 0 {
		return flow.UDP
	}
	return o[i%len(o)]
}

// connected reports whether some have connections.
func (o transports) connected() bool {
	return slices.ContainsFunc(o, flow.Transport.Reliable)
}

// callee is whom the i-th of the calls is to, as a number of those that are called: with
// sixteen calls, each of four transports calls each.
func callee(i, calls int) int {
	const four = 4
	block := i / four * four
	if block+four > calls {
		return i
	}
	return block + (i+i/four)%four
}

// byCallee reports whether who is called hangs up: with twice as many calls, in each mix
// both sides do.
func byCallee(i int) bool { return (i+i/16)%2 == 1 }

// kind has the i-th phone be what it is: those of a transport take turns at knowing
// RFC 5626.
func (d *demo) kind(cfg *phones.Config, o *options, i int) {
	cfg.Transport = o.over.of(i)
	cfg.Proxy = d.network.Entry(cfg.Transport)
	cfg.Outbound = i/max(1, len(o.over))%2 == 1
	cfg.TLS = d.cluster.authority.Client()
}

package config

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
)

// MaxListeners is the most listeners of a cluster.
const MaxListeners = 8

// maxListenerAddresses bounds what a member set says of listeners: a later version
// may have more of them.
const maxListenerAddresses = 64

// ProtocolUDP is the only protocol of listeners so far.
const ProtocolUDP = "UDP"

// Listener is a port at which every member of the cluster receives SIP.
type Listener struct {
	// Name is unique among the listeners, 1 to 63 characters.
	Name string `json:"name"`
	// Protocol is UDP, the default.
	Protocol string `json:"protocol,omitempty"`
	// Port of every member, unique among the listeners. It names the listener in what
	// members and versions tell each other, so the order of listeners may change. The
	// first one's is ports.sip, which is its default.
	Port int `json:"port,omitempty"`
	// Advertise is the host or host:port that Via and Record-Route name for what goes
	// over this listener. A member set may override it. Default: for the first one
	// Config.Advertise, for others the first one's host.
	Advertise string `json:"advertise,omitempty"`
}

// ListenerAddress is what a member set says of a listener: see Listener.
type ListenerAddress struct {
	Name      string `json:"name"`
	Advertise string `json:"advertise"`
}

// applyListenerDefaults fills in the listeners that are given, and ports.sip by the
// first of them.
func (c *Config) applyListenerDefaults() {
	if len(c.Listeners) == 0 {
		return
	}
	setDefault(&c.Ports.SIP, c.Listeners[0].Port)
	setDefault(&c.Ports.SIP, DefaultSIPPort)
	setDefault(&c.Listeners[0].Port, c.Ports.SIP)
	for i := range c.Listeners {
		if l := &c.Listeners[i]; l.Protocol == "" {
			l.Protocol = ProtocolUDP
		}
	}
}

// validateListeners takes the ports that others have, and what has each.
func (c *Config) validateListeners(bad func(field, format string, args ...any), taken map[int]string) {
	if len(c.Listeners) > MaxListeners {
		bad("listeners", "%d of them, at most %d", len(c.Listeners), MaxListeners)
		return
	}
	names := map[string]bool{}
	for i, l := range c.Listeners {
		field := fmt.Sprintf("listeners[%d]", i)
		switch {
		case l.Name == "" || len(l.Name) > 63:
			bad(field+".name", "must have 1 to 63 characters")
		case names[l.Name]:
			bad(field+".name", "%q is there twice", l.Name)
		case l.Protocol != ProtocolUDP:
			bad(field+".protocol", "%q is not served, %s is", l.Protocol, ProtocolUDP)
		case l.Port < 1 || l.Port > 65535:
			bad(field+".port", "%d is not a port", l.Port)
		case i == 0 && l.Port != c.Ports.SIP:
			bad(field+".port", "the first listener has port %d, and ports.sip is %d", l.Port, c.Ports.SIP)
		case i > 0 && taken[l.Port] != "":
			bad(field+".port", "port %d is already %s", l.Port, taken[l.Port])
		}
		names[l.Name] = true
		if i > 0 {
			taken[l.Port] = field
		}
		if l.Advertise != "" {
			if _, _, err := SplitAdvertise(l.Advertise, l.Port); err != nil {
				bad(field+".advertise", "%v", err)
			}
		}
	}
}

// ListenersIn are the listeners, at least one, each with what it advertises where
// that member set is in force: empty where neither says. set may be nil.
func (c *Config) ListenersIn(set *MemberSet) []Listener {
	all := slices.Clone(c.Listeners)
	if len(all) == 0 {
		all = []Listener{{Protocol: ProtocolUDP, Port: c.Ports.SIP}}
	}
	all[0].Advertise = cmp.Or(set.advertised(all[0].Name), set.first(), all[0].Advertise, c.Advertise)
	host, _, err := SplitAdvertise(all[0].Advertise, 0)
	for i := range all[1:] {
		l := &all[1+i]
		if l.Advertise = cmp.Or(set.advertised(l.Name), l.Advertise); l.Advertise == "" && err == nil {
			l.Advertise = net.JoinHostPort(host, strconv.Itoa(l.Port))
		}
	}
	return all
}

// ListenerNumber is what flows name the listener at a port by (flow.Flow): the port, or
// 0 where there is no other listener, as flows had it before there could be one.
func (c *Config) ListenerNumber(port int) uint16 {
	if len(c.Listeners) < 2 {
		return 0
	}
	return uint16(port)
}

// first is what the set says of the first listener, which by this set may be another
// than by the configuration.
func (s *MemberSet) first() string {
	if s == nil {
		return ""
	}
	return s.Advertise
}

// advertised is what the set says of the listener of a name.
func (s *MemberSet) advertised(name string) string {
	if s == nil {
		return ""
	}
	for _, l := range s.Listeners {
		if l.Name == name {
			return l.Advertise
		}
	}
	return ""
}

// reloadListeners are the running listeners with what next advertises, if it has the
// same.
func reloadListeners(running, next []Listener) []Listener {
	same := func(a, b Listener) bool {
		a.Advertise = b.Advertise
		return a == b
	}
	if slices.EqualFunc(running, next, same) {
		return next
	}
	return running
}

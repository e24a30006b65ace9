package targets

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// ownPortGroup is the Group of the two ports of a user agent, of which one is tried after
// the other.
const ownPortGroup = 1

// AppendOwnPort appends, to the one target of a request within a dialog, the port that
// the Request-URI names of the same address, if the target is a flow of UDP at another
// one that the user agent has asked for. A NAT gives a user agent another address than it
// names. Where the address is its own, it may have been a node of the cluster that gave
// the flow its port, as the kernel knew the agent's from another flow: when that node is
// gone, or has forgotten, nobody is at the port. So the flow comes first (RFC 5626 4.3),
// and what it refuses goes to the port.
func AppendOwnPort(list []Target, m *wire.Message, d *routing.Decision, tables *routing.Tables) []Target {
	if len(list) != 1 || d.NextRoute != nil {
		return list
	}
	first := &list[0]
	if !first.Held.IsValid() || first.Held.Transport != flow.UDP || first.Held.IsOwnedUDP() || first.Failed {
		return list
	}
	uri, err := wire.ParseURI(RemoteTarget(m, d))
	if err != nil || uri.Scheme != wire.SchemeSIP {
		return list
	}
	_, ob := uri.Param("ob")
	over, served := transport.Of(&uri, tables.Carries)
	if !ob || !served || over != flow.UDP {
		return list
	}
	own := Target{Group: ownPortGroup}
	own.setURI(&uri, over, first.Held.Listener)
	own.open = false
	at, held := own.To.Addr, first.Held.Remote
	if own.Failed || own.To.Host != "" || at.Addr().Unmap() != held.Addr().Unmap() || at.Port() == held.Port() {
		return list
	}
	first.Group = ownPortGroup
	return append(list, own)
}

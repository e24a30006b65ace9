package flow

import "net/netip"

// Flow is the way to one far end. Its zero value leads nowhere.
type Flow struct {
	// Remote is the other end's address. An IPv4 address is the same in either
	// form. A zone is neither encoded nor compared: it means something on one node
	// only.
	Remote netip.AddrPort
	// Conn is the connection's number at the owner, 0 for UDP. A member does not
	// give a number twice in one life.
	Conn uint64
	// Owner is the ID of the member that holds the connection, or beside which the
	// application of a Local flow is, or by whose packets alone a NAT lets those of the
	// cluster through, where the far end of a UDP flow is behind one. 0 if any may send.
	Owner uint32
	// Life tells the owner's process from those before it, as in the Via parameter
	// o=ID-LIFE. It means nothing without an Owner.
	Life uint32
	// Listener is the port at which the cluster receives what comes over the flow,
	// the same at every member, and from which it sends: the far end, and a NAT
	// before it, may know no other. 0 is the first listener, as where there is no
	// other. A connection has its own, at its owner.
	Listener uint16
	// Socket is which of this process's sockets to use: a local hint.
	Socket uint16
	// Transport is what the far end is reached over.
	Transport Transport
}

// OverUDP is the flow from any member's first listener to an address over UDP.
func OverUDP(remote netip.AddrPort) Flow { return Flow{Remote: remote} }

// ToLocal is the flow to what is at a port in the pod of a member.
func ToLocal(owner uint32, port uint16) Flow {
	return Flow{Transport: Local, Owner: owner, Remote: netip.AddrPortFrom(loopback, port)}
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// IsHeld reports whether the flow leads by way of its Owner alone: it is a connection of
// that, or leads to the application beside it, or through a NAT.
func (f Flow) IsHeld() bool {
	return f.Conn != 0 || f.Transport == Local || f.Transport == UDP && f.Owner != 0
}

// IsOwnedUDP reports whether the flow leads over UDP, by way of its Owner alone.
func (f Flow) IsOwnedUDP() bool { return f.Transport == UDP && f.Owner != 0 }

// WithoutOwner is a UDP flow as any member sends over it.
func (f Flow) WithoutOwner() Flow {
	if f.Transport == UDP {
		f.Owner, f.Life = 0, 0
	}
	return f
}

// IsValid reports whether the flow leads somewhere: to an address, over a connection where
// the transport has one, and by way of a member where it is Local.
func (f Flow) IsValid() bool {
	if !f.Remote.IsValid() || !f.Transport.Known() {
		return false
	}
	if f.Transport == Local && f.Owner == 0 {
		return false
	}
	return (f.Conn != 0) == f.Transport.Reliable()
}

// Equal reports whether both lead the same way, over UDP whoever sends.
func (f Flow) Equal(o Flow) bool { return f.plain() == o.plain() }

// plain is the flow as another member would know it.
func (f Flow) plain() Flow {
	f.Socket = 0
	if f.Transport == UDP {
		f.Owner = 0
	} else {
		f.Listener = 0
	}
	if f.Owner == 0 || f.Transport == Local {
		f.Life = 0
	}
	addr := f.Remote.Addr()
	if !addr.IsValid() {
		f.Remote = netip.AddrPort{}
		return f
	}
	f.Remote = netip.AddrPortFrom(addr.Unmap().WithZone(""), f.Remote.Port())
	return f
}

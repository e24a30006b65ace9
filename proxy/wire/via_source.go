package wire

import "net/netip"

// Source says what the topmost Via of a request that came from an address is marked with (RFC 3261 18.2.1, RFC 3581 4), as
// PatchTopVia and ResponseOptions take it: received where sent-by is another address or rport was asked for, and rport if it
// was. received is appended to buf.
func (v *Via) Source(from netip.AddrPort, buf []byte) (received []byte, rport uint16, setRPort bool) {
	_, setRPort = v.RPort()
	host, literal := HostAddr(v.Host)
	if addr := from.Addr().Unmap().WithZone(""); setRPort || !literal || host.Unmap() != addr {
		received = addr.AppendTo(buf)
	}
	return received, from.Port(), setRPort
}

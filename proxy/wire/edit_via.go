package wire

import "strconv"

// PatchTopVia writes received and rport into the topmost Via (RFC 3261 18.2.1, RFC 3581 4). An empty received is left
// alone; rport is written only with setRPort, and added if it is not there: pass what Via.RPort reports to answer only
// clients that asked. received is an address without brackets or with them, as it shall be written.
func (e *Edit) PatchTopVia(received []byte, rport uint16, setRPort bool) {
	el := e.m.elements(HeaderVia)
	if !el.next() || e.removed(el.at.Start) {
		return
	}
	via, err := ParseVia(el.at.In(e.m.Raw))
	if err != nil {
		return
	}
	if setRPort {
		var buf [5]byte
		e.patchParam(el.at, &via, via.rportAt, ";rport=", strconv.AppendUint(buf[:0], uint64(rport), 10))
	}
	if len(received) > 0 {
		e.patchParam(el.at, &via, via.receivedAt, ";received=", received)
	}
}

// patchParam replaces the parameter at old, relative to the Via's parameters, or adds it. name begins with ";".
func (e *Edit) patchParam(element Span, via *Via, old Span, name string, value []byte) {
	if old.Len() > 0 {
		base := element.End - uint32(len(via.Params))
		e.replace(Span{base + old.Start, base + old.End}, e.put(name[1:], value))
		return
	}
	e.insert(splice{at: Span{element.End, element.End}, text: e.put(name, value), rank: rankParam})
}

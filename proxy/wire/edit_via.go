package wire

// PatchTopVia writes received and rport into the topmost Via (RFC 3261 18.2.1, RFC 3581 4). An empty received is left
// alone; rport is written only with setRPort, and added if it is not there: pass what Via.RPort reports to answer only
// clients that asked. received is an address without brackets or with them, as it shall be written.
func (e *Edit) PatchTopVia(received []byte, rport uint16, setRPort bool) {
	el := e.m.elements(HeaderVia)
	if !el.next() || e.removed(el.at.Start) {
		return
	}
	patches, n := viaPatches(e.m, el.at, len(received) > 0, setRPort, false)
	for _, p := range patches[:n] {
		start := len(e.text)
		e.text = p.append(e.text, received, rport, 0)
		text := span(start, len(e.text))
		if p.at.Len() > 0 {
			e.replace(p.at, text)
		} else {
			e.insertOnly(splice{at: p.at, text: text, rank: p.rank})
		}
	}
}

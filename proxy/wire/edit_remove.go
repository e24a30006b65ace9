package wire

// RemoveTopVia removes the topmost Via (RFC 3261 16.7 step 3).
func (e *Edit) RemoveTopVia() { e.RemoveTop(HeaderVia) }

// RemoveTopRoute removes the topmost Route (RFC 3261 16.4).
func (e *Edit) RemoveTopRoute() { e.RemoveTop(HeaderRoute) }

// RemoveTop removes the first value of this header that is still there: one element of a list, with its comma, or the
// whole line if it is the last one there. HeaderOther stands for no header, and nothing happens.
func (e *Edit) RemoveTop(id HeaderID) {
	if id == HeaderOther {
		return
	}
	for el := e.m.elements(id); el.next(); {
		if e.removed(el.at.Start) {
			continue
		}
		line, at := el.header, el.at
		if el.next() && el.header == line {
			e.replace(Span{at.Start, el.at.Start}, Span{})
		} else {
			e.replace(e.m.Headers[line].Line, Span{})
		}
		return
	}
}

// RemoveAll removes every line of this header. HeaderOther stands for no header, and nothing happens.
func (e *Edit) RemoveAll(id HeaderID) {
	if id == HeaderOther || !e.m.Has(id) {
		return
	}
	for i := range e.m.Headers {
		if h := &e.m.Headers[i]; h.ID == id {
			e.replace(h.Line, Span{})
		}
	}
}

package wire

// RemoveTopVia removes the topmost Via (RFC 3261 16.7 step 3).
func (e *Edit) RemoveTopVia() { e.RemoveTop(HeaderVia) }

// RemoveTop is RemoveFirst of one value.
func (e *Edit) RemoveTop(id HeaderID) { e.RemoveFirst(id, 1) }

// RemoveFirst removes the first n values of this header that are still there: elements of a list, with their commas, or the
// whole line where none is left. All go in one pass, with one change a line. HeaderOther stands for no header, and nothing
// happens.
func (e *Edit) RemoveFirst(id HeaderID, n int) {
	if id == HeaderOther {
		return
	}
	el := e.m.elements(id)
	for more := el.next(); more && n > 0; {
		line, start, found := el.header, uint32(0), false
		for ; more && n > 0 && el.header == line; more = el.next() {
			if e.removed(el.at.Start) {
				continue
			}
			if !found {
				start, found = el.at.Start, true
			}
			n--
		}
		switch {
		case !found:
		case more && el.header == line:
			e.replace(Span{start, el.at.Start}, Span{})
		default:
			e.replace(e.m.Headers[line].Line, Span{})
		}
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

// RemoveLine removes the i-th header line of the message.
func (e *Edit) RemoveLine(i int) { e.replace(e.m.Headers[i].Line, Span{}) }

package wire

import "errors"

// Validate checks what every message must hold, after Scan: Via, From, To, Call-ID and CSeq that can be parsed, once each
// (but Via), and a CSeq method that is the request's (RFC 3261 8.1.1, 16.3 step 1). Max-Forwards may be absent (16.6 step
// 3), Max-Breadth (RFC 5393 5.3.3) and a tag of From (RFC 2543) too. Of a request the Request-URI must be a URI, of any
// scheme, and no header that this element reads as a single one may be there twice. The error is a *Error with the fault as
// its reason; in a response its Status is 0.
func (m *Message) Validate() error {
	if e, at := m.fault(); e != nil {
		return m.fail(e, at)
	}
	m.valid = true
	return nil
}

func (m *Message) fault() (*Error, int) {
	p := &m.parsed
	var err error
	if m.request {
		// A Request-URI has no headers: they must not be forwarded (RFC 4475 3.1.2.11).
		if p.uri, err = ParseURI(m.RequestURI()); err != nil || p.uri.Headers != nil {
			return errRequestURI, int(m.uriAt.Start)
		}
	}
	if p.via, err = m.TopVia(); err != nil {
		return asError(err), m.offset(HeaderVia)
	}
	if p.from, err = m.From(); err != nil {
		return asError(err), m.offset(HeaderFrom)
	}
	if p.to, err = m.To(); err != nil {
		return asError(err), m.offset(HeaderTo)
	}
	p.fromTag, p.toTag = p.from.Tag(), p.to.Tag()
	if e := m.callIDFault(); e != nil {
		return e, m.offset(HeaderCallID)
	}
	if p.cseq, p.cseqMethod, err = m.CSeq(); err != nil {
		return asError(err), m.offset(HeaderCSeq)
	}
	if m.request && string(p.cseqMethod) != string(m.MethodBytes()) {
		return errCSeqMethod, m.offset(HeaderCSeq)
	}
	if _, _, err := m.MaxForwards(); err != nil && m.request {
		return asError(err), m.offset(HeaderMaxForwards)
	}
	if _, _, err := m.MaxBreadth(); err != nil && m.request {
		return asError(err), m.offset(HeaderMaxBreadth)
	}
	return m.duplicate()
}

func (m *Message) callIDFault() *Error {
	if !m.Has(HeaderCallID) {
		return errMissingCallID
	}
	if !all(m.CallID(), classVisible) { // no stricter than for tags: "=", ";" and "#" come in the wild
		return errCallID
	}
	return nil
}

// duplicate finds a header that must not be repeated. In a response only those count that transactions depend on.
func (m *Message) duplicate() (*Error, int) {
	which := proxyHeaders
	switch {
	case !m.request:
		which = identifyingHeaders
	case m.method == MethodRegister:
		which = registrarHeaders
	}
	if which &= m.repeated; which == 0 {
		return nil, 0
	}
	for id := range headerCount {
		if which.has(id) {
			return duplicateErrors[id], m.offset(id)
		}
	}
	return nil, 0
}

var duplicateErrors = buildDuplicateErrors()

func buildDuplicateErrors() (errs [headerCount]*Error) {
	for id := range headerCount {
		if registrarHeaders.has(id) {
			errs[id] = &Error{Kind: KindDuplicate, Status: 400, Reason: "Duplicate " + id.String()}
		}
	}
	return errs
}

// offset returns where the first header of this ID is, or the blank line where it is missing.
func (m *Message) offset(id HeaderID) int {
	if i := m.Index(id); i >= 0 {
		return int(m.Headers[i].Line.Start)
	}
	return int(m.blankAt)
}

// asError is for errors that can only be ours.
func asError(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

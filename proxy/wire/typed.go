package wire

// TopVia parses the topmost Via. The error, a *Error, says whether it is missing or malformed.
func (m *Message) TopVia() (Via, error) {
	if m.valid {
		return m.parsed.via, nil
	}
	e := m.elements(HeaderVia)
	return nextVia(&e)
}

// SecondVia parses the Via below the topmost: where a response goes once ours is removed (RFC 3261 16.7 step 3).
func (m *Message) SecondVia() (Via, error) {
	e := m.elements(HeaderVia)
	e.next()
	return nextVia(&e)
}

func nextVia(e *elements) (Via, error) {
	if !e.next() {
		return Via{}, errMissingVia
	}
	return ParseVia(e.at.In(e.m.Raw))
}

// From parses the From header. The error, a *Error, says whether it is missing or malformed.
func (m *Message) From() (NameAddr, error) {
	if m.valid {
		return m.parsed.from, nil
	}
	return m.address(HeaderFrom, errMissingFrom, errFrom)
}

// To parses the To header. The error, a *Error, says whether it is missing or malformed.
func (m *Message) To() (NameAddr, error) {
	if m.valid {
		return m.parsed.to, nil
	}
	return m.address(HeaderTo, errMissingTo, errTo)
}

func (m *Message) address(id HeaderID, missing, malformed *Error) (NameAddr, error) {
	v, ok := m.Get(id)
	if !ok {
		return NameAddr{}, missing
	}
	n, err := ParseNameAddr(v)
	if err != nil || n.Star {
		return NameAddr{}, malformed
	}
	return n, nil
}

// FromTag returns the tag of From, nil if there is none (RFC 2543 clients send none) or From cannot be parsed.
func (m *Message) FromTag() []byte {
	if m.valid {
		return m.parsed.fromTag
	}
	return m.tag(HeaderFrom)
}

// ToTag returns the tag of To, nil if there is none or To cannot be parsed.
func (m *Message) ToTag() []byte {
	if m.valid {
		return m.parsed.toTag
	}
	return m.tag(HeaderTo)
}

func (m *Message) tag(id HeaderID) []byte {
	n, err := m.address(id, errNameAddr, errNameAddr)
	if err != nil {
		return nil
	}
	return n.Tag()
}

// CallID returns the Call-ID, which is compared byte by byte (RFC 3261 20.8); nil if it is missing.
func (m *Message) CallID() []byte {
	v, _ := m.Get(HeaderCallID)
	return v
}

// CSeq returns the parts of CSeq. The number is less than 2**31 (RFC 3261 8.1.1.5). The error, a *Error, says whether it
// is missing or malformed.
func (m *Message) CSeq() (num uint32, method []byte, err error) {
	if m.valid {
		return m.parsed.cseq, m.parsed.cseqMethod, nil
	}
	v, ok := m.Get(HeaderCSeq)
	if !ok {
		return 0, nil, errMissingCSeq
	}
	i := 0
	for i < len(v) && is(v[i], classDigit) {
		i++
	}
	n, ok := parseUint(v[:i], 1<<31-1)
	method = v[skipLWS(v, i):]
	if !ok || n > 1<<31-1 || len(method) == len(v)-i || !all(method, classToken) {
		return 0, nil, errCSeq
	}
	return uint32(n), method, nil
}

// CSeqMethod returns the interned method of CSeq, MethodOther also if there is none.
func (m *Message) CSeqMethod() Method {
	_, method, _ := m.CSeq()
	return ParseMethod(method)
}

// MaxForwards returns Max-Forwards, 0 to 255 (RFC 3261 20.22). ok tells whether it is there; the error is a *Error.
func (m *Message) MaxForwards() (n int, ok bool, err error) {
	v, ok := m.Get(HeaderMaxForwards)
	if !ok {
		return 0, false, nil
	}
	u, valid := parseUint(v, 255)
	if !valid || u > 255 {
		return 0, true, errMaxForwards
	}
	return int(u), true, nil
}

// MaxBreadth returns Max-Breadth, at least 1 (RFC 5393 5.3.1); values over 2**31-1 are taken as that. ok tells whether it
// is there; the error is a *Error.
func (m *Message) MaxBreadth() (n int, ok bool, err error) {
	const most = 1<<31 - 1
	v, ok := m.Get(HeaderMaxBreadth)
	if !ok {
		return 0, false, nil
	}
	u, valid := parseUint(v, most)
	if !valid || u == 0 {
		return 0, true, errMaxBreadth
	}
	return int(min(u, most)), true, nil
}

// Expires returns the Expires header in seconds. Values over 2**32-1 are taken as that. ok tells whether it is there; a
// registrar takes an error, a *Error, as if it were 3600 (RFC 3261 20.19).
func (m *Message) Expires() (seconds uint32, ok bool, err error) {
	v, ok := m.Get(HeaderExpires)
	if !ok {
		return 0, false, nil
	}
	seconds, valid := ParseDeltaSeconds(v)
	if !valid {
		return 0, true, errExpires
	}
	return seconds, true, nil
}

// ParseDeltaSeconds reads the delta-seconds of Expires headers and parameters; values over 2**32-1 are taken as that. ok
// is false if b is not digits.
func ParseDeltaSeconds(b []byte) (seconds uint32, ok bool) {
	const most = 1<<32 - 1
	n, ok := parseUint(b, most)
	return uint32(min(n, most)), ok
}

package wire

// Message is an index over the bytes of one SIP message. The zero value is ready; Scan fills it and reuses what it
// holds.
type Message struct {
	Raw     []byte   // exactly the message; not to be modified
	Headers []Header // in the order of the message
	Body    Span

	request   bool
	method    Method
	status    uint16
	methodAt  Span   // request: method; response: version
	uriAt     Span   // request: Request-URI; response: status code
	reasonAt  Span   // response: reason phrase; request: version
	headersAt uint32 // after the start line
	blankAt   uint32 // where the blank line begins

	first    [headerCount]uint16 // index+1 into Headers of the first header of each ID
	lastVia  uint16              // index+1 of the last Via line
	repeated headerSet           // IDs with more than one line
	unclean  bool                // a control character stands where none may

	err Error // what Scan and Validate return

	valid  bool   // Validate has found no fault, and filled parsed
	parsed parsed // read instead of the bytes once valid
}

// parsed is what Validate has to parse anyway, and others ask for again.
type parsed struct {
	uri            URI // of a request
	via            Via // the topmost
	from, to       NameAddr
	fromTag, toTag []byte
	cseq           uint32
	cseqMethod     []byte
}

// IsRequest reports whether the message is a request.
func (m *Message) IsRequest() bool { return m.request }

// Method returns the method of a request, and MethodOther for a response (see CSeqMethod).
func (m *Message) Method() Method { return m.method }

// MethodBytes returns the method of a request as it was written, nil for a response.
func (m *Message) MethodBytes() []byte {
	if !m.request {
		return nil
	}
	return m.methodAt.In(m.Raw)
}

// RequestURI returns the Request-URI as it was written, nil for a response.
func (m *Message) RequestURI() []byte {
	if !m.request {
		return nil
	}
	return m.uriAt.In(m.Raw)
}

// URI parses the Request-URI. The error, a *Error, is ParseURI's.
func (m *Message) URI() (URI, error) {
	if m.valid && m.request {
		return m.parsed.uri, nil
	}
	return ParseURI(m.RequestURI())
}

// StatusCode returns the status code of a response, 100 to 699, and 0 for a request.
func (m *Message) StatusCode() int { return int(m.status) }

// Reason returns the reason phrase of a response, which may be empty, and nil for a request.
func (m *Message) Reason() []byte {
	if m.request {
		return nil
	}
	return m.reasonAt.In(m.Raw)
}

// BodyBytes returns the body.
func (m *Message) BodyBytes() []byte { return m.Body.In(m.Raw) }

// Has reports whether the message has a header of this ID.
func (m *Message) Has(id HeaderID) bool { return id < headerCount && m.first[id] != 0 }

// Index returns the index in Headers of the first header of this ID, or -1.
func (m *Message) Index(id HeaderID) int {
	if id >= headerCount {
		return -1
	}
	return int(m.first[id]) - 1
}

// Get returns the value of the first header of this ID, whole (not split at commas).
func (m *Message) Get(id HeaderID) ([]byte, bool) {
	i := m.Index(id)
	if i < 0 {
		return nil, false
	}
	return m.Headers[i].Value.In(m.Raw), true
}

// indexOther returns the index of the first header of a name that has no ID, or -1.
func (m *Message) indexOther(name string) int {
	for i := max(m.Index(HeaderOther), 0); i < len(m.Headers); i++ {
		if h := &m.Headers[i]; h.ID == HeaderOther && equalFold(h.Name.In(m.Raw), name) {
			return i
		}
	}
	return -1
}

// fail stores the fault for the caller. Nobody answers a response, so a fault in one has no status (RFC 3261 18.1.2).
func (m *Message) fail(e *Error, offset int) error {
	m.err = *e
	m.err.Offset = offset
	if !m.request {
		m.err.Status = 0
	}
	return &m.err
}

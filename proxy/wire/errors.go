package wire

// ErrorKind classifies an Error, for counters and decisions.
type ErrorKind uint8

// Kinds of faults.
const (
	KindEmpty     ErrorKind = iota + 1 // nothing but line ends: a keep-alive (RFC 5626 3.5.1), not a fault
	KindNotSIP                         // no SIP start line
	KindTooLarge                       // a limit was exceeded
	KindStartLine                      // the start line is malformed
	KindVersion                        // a SIP version other than 2.0
	KindHeader                         // a header line is malformed
	KindLength                         // Content-Length is malformed, repeated, or more than there is
	KindMissing                        // a mandatory header is missing
	KindDuplicate                      // a header that may be there once is there twice
	KindValue                          // a value does not follow its grammar
	KindMismatch                       // two values contradict each other
)

var kindNames = [...]string{
	KindEmpty: "empty", KindNotSIP: "not_sip", KindTooLarge: "too_large", KindStartLine: "start_line",
	KindVersion: "version", KindHeader: "header", KindLength: "length", KindMissing: "missing",
	KindDuplicate: "duplicate", KindValue: "value", KindMismatch: "mismatch",
}

// String returns a short lower-case name, usable as a metric label.
func (k ErrorKind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// Error is a fault in a message or value. All errors of this package are *Error.
//
// Errors are prepared values: they must not be modified, and one that a method of Message returned is valid until that
// Message is scanned or validated again.
type Error struct {
	Kind   ErrorKind
	Status int    // of the response to a request with this fault: 400, 414, 505 or 513; 0: drop it, there is nobody to answer
	Reason string // fits a reason phrase and names the fault, for example "Missing Call-ID"
	Offset int    // in the bytes given to Scan, or in Raw for Validate; 0 if not known
}

// Error implements error.
func (e *Error) Error() string { return "sip: " + e.Reason }

// Is reports whether target is an Error of the same kind and reason, whatever its offset.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Reason == e.Reason
}

var (
	errEmpty  = &Error{Kind: KindEmpty, Reason: "Empty Message"}
	errNotSIP = &Error{Kind: KindNotSIP, Reason: "Not SIP"}

	errMessageTooLarge = &Error{Kind: KindTooLarge, Status: 513, Reason: "Message Too Large"}
	errTooManyHeaders  = &Error{Kind: KindTooLarge, Status: 513, Reason: "Too Many Header Fields"}
	errHeaderTooLong   = &Error{Kind: KindTooLarge, Status: 513, Reason: "Header Field Too Long"}
	errURITooLong      = &Error{Kind: KindTooLarge, Status: 414, Reason: "Request-URI Too Long"}

	errRequestLine = &Error{Kind: KindStartLine, Status: 400, Reason: "Malformed Request-Line"}
	errRequestURI  = &Error{Kind: KindStartLine, Status: 400, Reason: "Malformed Request-URI"}
	errStatusLine  = &Error{Kind: KindStartLine, Reason: "Malformed Status-Line"}
	errVersion     = &Error{Kind: KindVersion, Status: 505, Reason: "Version Not Supported"}

	errHeaderLine  = &Error{Kind: KindHeader, Status: 400, Reason: "Malformed Header Field"}
	errNoBlankLine = &Error{Kind: KindHeader, Status: 400, Reason: "Missing Blank Line"}

	errBareCR  = &Error{Kind: KindHeader, Status: 400, Reason: "CR Without LF"}
	errNUL     = &Error{Kind: KindHeader, Status: 400, Reason: "NUL In Header"}
	errControl = &Error{Kind: KindHeader, Status: 400, Reason: "Control Character In Header"}

	errContentLength    = &Error{Kind: KindLength, Status: 400, Reason: "Malformed Content-Length"}
	errDupContentLength = &Error{Kind: KindLength, Status: 400, Reason: "Duplicate Content-Length"}
	errBodyTooShort     = &Error{Kind: KindLength, Status: 400, Reason: "Body Shorter Than Content-Length"}

	errURI         = &Error{Kind: KindValue, Status: 400, Reason: "Malformed URI"}
	errNameAddr    = &Error{Kind: KindValue, Status: 400, Reason: "Malformed Address"}
	errVia         = &Error{Kind: KindValue, Status: 400, Reason: "Malformed Via"}
	errFrom        = &Error{Kind: KindValue, Status: 400, Reason: "Malformed From"}
	errTo          = &Error{Kind: KindValue, Status: 400, Reason: "Malformed To"}
	errCallID      = &Error{Kind: KindValue, Status: 400, Reason: "Malformed Call-ID"}
	errCSeq        = &Error{Kind: KindValue, Status: 400, Reason: "Malformed CSeq"}
	errMaxForwards = &Error{Kind: KindValue, Status: 400, Reason: "Malformed Max-Forwards"}
	errMaxBreadth  = &Error{Kind: KindValue, Status: 400, Reason: "Malformed Max-Breadth"}
	errExpires     = &Error{Kind: KindValue, Status: 400, Reason: "Malformed Expires"}
	errCSeqMethod  = &Error{Kind: KindMismatch, Status: 400, Reason: "CSeq method does not match request method"}

	errMissingVia    = &Error{Kind: KindMissing, Status: 400, Reason: "Missing Via"}
	errMissingFrom   = &Error{Kind: KindMissing, Status: 400, Reason: "Missing From"}
	errMissingTo     = &Error{Kind: KindMissing, Status: 400, Reason: "Missing To"}
	errMissingCallID = &Error{Kind: KindMissing, Status: 400, Reason: "Missing Call-ID"}
	errMissingCSeq   = &Error{Kind: KindMissing, Status: 400, Reason: "Missing CSeq"}
)

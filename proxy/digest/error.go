package digest

import "errors"

// Kinds of fault, for errors.Is.
var (
	// ErrScheme: the field is of another scheme than Digest.
	ErrScheme = errors.New("another scheme")
	// ErrMissing: a parameter is missing without which nothing is proved.
	ErrMissing = errors.New("missing parameter")
	// ErrUnsupported: an algorithm or a quality of protection that is not done here.
	ErrUnsupported = errors.New("unsupported")
	// ErrMalformed: the field does not follow its grammar, or is too large.
	ErrMalformed = errors.New("malformed")
)

// Error is a fault in a header field. Errors are prepared values: they must not be
// modified.
type Error struct {
	Kind   error  // one of those above
	Reason string // fits a reason phrase and names the fault, for example "Missing nonce"
}

// Error implements error.
func (e *Error) Error() string { return "digest: " + e.Reason }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

var (
	errScheme = &Error{ErrScheme, "Not Digest"}

	errTooLong   = &Error{ErrMalformed, "Credentials Too Long"}
	errTooMany   = &Error{ErrMalformed, "Too Many Parameters In Credentials"}
	errSyntax    = &Error{ErrMalformed, "Malformed Credentials"}
	errUnclosed  = &Error{ErrMalformed, "Quoted String Without End In Credentials"}
	errControl   = &Error{ErrMalformed, "Control Character In Credentials"}
	errTwoNames  = &Error{ErrMalformed, "username And username* In Credentials"}
	errCount     = &Error{ErrMalformed, "Malformed nc"}
	errResponse  = &Error{ErrMalformed, "Malformed response"}
	errUserhash  = &Error{ErrUnsupported, "Unsupported userhash"}
	errAlgorithm = &Error{ErrUnsupported, "Unsupported algorithm"}
	errQOP       = &Error{ErrUnsupported, "Unsupported qop"}
)

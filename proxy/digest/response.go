package digest

// QOP is the quality of protection (RFC 7616 section 3.3).
type QOP uint8

// Qualities of protection.
const (
	QOPNone QOP = iota // there is no qop, as in RFC 2069
	QOPAuth            // auth
)

// Response is what an Authorization or Proxy-Authorization header field says (RFC 3261
// sections 20.7 and 20.28). Its slices are views into the field's value, without quotes and
// with the escapes of quoted strings as they were.
type Response struct {
	Username, Realm, Nonce, URI, CNonce, Opaque []byte

	// Response is as many hexadecimal digits as Algorithm has, in any case; or empty,
	// as phones write it that have not been challenged, which proves nothing.
	Response  []byte
	Algorithm Algorithm
	QOP       QOP
	// Count is nc: how many requests with this nonce there were, this one included, at
	// least 1. Without QOP it is 1: such a nonce is good once.
	Count uint32

	nc, qop []byte // as the phone wrote and hashed them
}

// Parse reads the value of an Authorization or Proxy-Authorization header field into r,
// whatever was in there. The error, a *Error, is of kind ErrScheme, ErrMissing,
// ErrUnsupported or ErrMalformed; r is empty then. Parameters that are not known are passed
// over. It does not allocate.
func Parse(value []byte, r *Response) error {
	*r = Response{}
	if err := r.read(value); err != nil {
		*r = Response{}
		return err
	}
	return nil
}

func (r *Response) read(value []byte) *Error {
	var f fields
	if err := f.read(value); err != nil {
		return err
	}
	if err := f.missing(); err != nil {
		return err
	}
	r.Username, r.Realm, r.Nonce, r.URI = f.value[username], f.value[realm], f.value[nonce], f.value[uri]
	r.Response, r.CNonce, r.Opaque = f.value[response], f.value[cnonce], f.value[opaque]
	if f.has(userhash) && !equalFold(f.value[userhash], "false") {
		return errUserhash
	}
	var ok bool
	if r.Algorithm, ok = ParseAlgorithm(f.value[algorithm]); !ok {
		return errAlgorithm
	}
	if err := r.readQOP(&f); err != nil {
		return err
	}
	var sum [maxHash]byte
	if n := r.Algorithm.Size(); len(r.Response) > 0 && (len(r.Response) != 2*n || !readHex(sum[:n], r.Response)) {
		return errResponse
	}
	return nil
}

// readQOP reads qop, and nc that counts with it alone. An empty one is none.
func (r *Response) readQOP(f *fields) *Error {
	if len(f.value[qop]) == 0 {
		r.Count = 1
		return nil
	}
	if !equalFold(f.value[qop], "auth") {
		return errQOP
	}
	n, ok := readCount(f.value[nc])
	if !ok || n == 0 {
		return errCount
	}
	r.QOP, r.Count, r.nc, r.qop = QOPAuth, n, f.value[nc], f.value[qop]
	return nil
}

// AppendUsername appends the user name without escapes.
func (r *Response) AppendUsername(dst []byte) []byte { return appendPlain(dst, r.Username) }

// AppendRealm appends the realm without escapes.
func (r *Response) AppendRealm(dst []byte) []byte { return appendPlain(dst, r.Realm) }

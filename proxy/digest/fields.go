package digest

// field is a parameter that is known.
type field uint8

const (
	username field = iota
	realm
	nonce
	uri
	response
	algorithm
	cnonce
	opaque
	qop
	nc
	userhash
	usernameExt
	stale
	numFields
)

// known are the names of parameters, and what is said of one that is there twice or not at
// all.
var known = [numFields]struct {
	name           string
	twice, missing *Error
}{
	username:    aField("username"),
	realm:       aField("realm"),
	nonce:       aField("nonce"),
	uri:         aField("uri"),
	response:    aField("response"),
	algorithm:   aField("algorithm"),
	cnonce:      aField("cnonce"),
	opaque:      aField("opaque"),
	qop:         aField("qop"),
	nc:          aField("nc"),
	userhash:    aField("userhash"),
	usernameExt: aField("username*"),
	stale:       aField("stale"),
}

func aField(name string) (f struct {
	name           string
	twice, missing *Error
},
) {
	f.name, f.twice, f.missing = name, &Error{ErrMalformed, name + " Twice"}, &Error{ErrMissing, "Missing " + name}
	return f
}

// fields are the parameters of a header field that are known.
type fields struct {
	value [numFields][]byte
	there uint16 // a bit for each
}

// read reads them all.
func (f *fields) read(value []byte) *Error {
	p := begin(value)
	for p.next() {
		id, ok := fieldOf(p.name)
		if !ok {
			continue
		}
		if f.has(id) {
			return known[id].twice
		}
		f.value[id] = p.value
		f.there |= 1 << id
	}
	return p.err
}

func (f *fields) has(id field) bool { return f.there&(1<<id) != 0 }

// fieldOf looks a name up, in any case.
func fieldOf(name []byte) (id field, ok bool) {
	if len(name) >= len(byLength) {
		return 0, false
	}
	for _, id := range byLength[len(name)] {
		if equalFold(name, known[id].name) {
			return id, true
		}
	}
	return 0, false
}

// byLength are the fields whose names have so many bytes.
var byLength = buildByLength()

func buildByLength() (t [len("username*") + 1][]field) {
	for id := range numFields {
		n := len(known[id].name)
		t[n] = append(t[n], id)
	}
	return t
}

// required are there in whatever proves something (RFC 7616 section 3.4).
var required = [...]field{username, realm, nonce, uri, response}

// missing says what a response lacks, nil for nothing. cnonce and nc belong to qop, and the
// former to -sess as well.
func (f *fields) missing() *Error {
	switch {
	case f.has(usernameExt) && f.has(username): // of which there is to be one
		return errTwoNames
	case f.has(usernameExt):
		return errUserhash
	}
	for _, id := range required {
		if !f.has(id) {
			return known[id].missing
		}
	}
	a, _ := ParseAlgorithm(f.value[algorithm])
	withQOP := len(f.value[qop]) > 0
	switch {
	case (withQOP || a.Session()) && !f.has(cnonce):
		return known[cnonce].missing
	case withQOP && !f.has(nc):
		return known[nc].missing
	}
	return nil
}

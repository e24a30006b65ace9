package routing

import (
	"bytes"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// optionGRUU is the option tag of RFC 5627.
const optionGRUU = "gruu"

// temporaryUser begins the user part of a temporary GRUU (RFC 5627 3.1.2).
var temporaryUser = []byte("tgruu.")

// Callee says who of an address-of-record a request is for, beside its user.
type Callee struct {
	// SIPS: those that are reached over TLS all the way.
	SIPS bool
	// Instance is InstanceHash of the one user agent that the GRUU is of (RFC 5627 6.1),
	// 0 for all.
	Instance uint64
	// Call is CallHash of the Call-ID that this must be registered by still, as the GRUU
	// is a temporary one; 0 for any.
	Call uint64
}

// Callee is who the request is for.
func (d *Decision) Callee() Callee {
	c := d.callee
	c.SIPS = d.SIPS()
	return c
}

// InstanceHash tells instances apart, whatever case they are written in, as URNs are for
// the most part without (RFC 8141 3.1): with or without the brackets of +sip.instance. It
// is never 0.
func InstanceHash(instance []byte) uint64 {
	var form [128]byte
	text := form[:0]
	for _, c := range bareInstance(instance) {
		text = append(text, wire.Lower(c))
	}
	return max(xxhash.Sum64(text), 1)
}

// CallHash tells Call-IDs apart. It is never 0.
func CallHash(callID []byte) uint64 { return max(xxhash.Sum64(callID), 1) }

func bareInstance(instance []byte) []byte {
	if n := len(instance); n > 2 && instance[0] == '<' && instance[n-1] == '>' {
		return instance[1 : n-1]
	}
	return instance
}

// readGRUU has the request go to the user agent that its Request-URI names, if that is a
// GRUU (RFC 5627 6.1).
func (t *Tables) readGRUU(d *Decision) Verdict {
	callee, ok := t.ReadGRUU(&d.uri, &d.gruu)
	if !ok {
		return d.Reject(404, "Not Found", "gruu", nil)
	}
	if callee.Call != 0 {
		d.aor = append(d.aor[:0], d.gruu.AOR...)
	}
	d.callee = callee
	return Next
}

// IsGRUU reports whether a SIP URI says that it is one (RFC 5627 3.1.1, 3.1.2).
func IsGRUU(uri *wire.URI) bool {
	if len(uri.Params) == 0 || uri.User == nil {
		return false
	}
	_, has := uri.Param("gr")
	return has
}

// ReadGRUU reads which user agent of an address-of-record a SIP URI of ours names: none
// if it is no GRUU. What a temporary one says, its address-of-record too, is left in
// temporary. ok is false for one that nobody here has made.
func (t *Tables) ReadGRUU(uri *wire.URI, temporary *token.GRUU) (callee Callee, ok bool) {
	if !IsGRUU(uri) {
		return callee, true
	}
	if gr, _ := uri.Param("gr"); len(gr) > 0 {
		var form [256]byte
		return Callee{Instance: InstanceHash(appendUnescaped(form[:0], gr))}, true
	}
	user, is := bytes.CutPrefix(uri.User, temporaryUser)
	if !is || !t.keys.ParseGRUU(user, temporary) {
		return callee, false
	}
	return Callee{Instance: temporary.Instance, Call: temporary.Call}, true
}

// appendAOROfGRUU appends the one address-of-record that a GRUU is of, if i is 0.
func (t *Tables) appendAOROfGRUU(dst []byte, uri *wire.URI, i int) (aor []byte, ok bool) {
	var temporary token.GRUU
	callee, ok := t.ReadGRUU(uri, &temporary)
	switch {
	case !ok || i > 0:
		return dst, false
	case callee.Call != 0:
		return append(dst, temporary.AOR...), true
	}
	return wire.CanonicalAOR(dst, *uri), true
}

// AppendGRUUs appends the Contact parameters with the GRUUs of a user agent in the answer
// to its REGISTER (RFC 5627 5.2): the public one, and, with the Call-ID and CSeq that
// it was registered by now, a temporary one. They are SIPS URIs as its contact is one.
func (t *Tables) AppendGRUUs(dst, aor, instance []byte, sips bool, callID []byte, cseq uint32) []byte {
	at := bytes.LastIndexByte(aor, '@')
	if at < 0 || len(aor) > token.MaxAOR || len(instance) == 0 {
		return dst
	}
	dst = append(appendScheme(append(dst, `;pub-gruu="`...), sips), aor[len("sip:"):]...)
	dst = append(appendParam(append(dst, ";gr="...), bareInstance(instance)), '"')
	if callID == nil {
		return dst
	}
	start := len(dst)
	dst = append(appendScheme(append(dst, `;temp-gruu="`...), sips), temporaryUser...)
	dst, ok := t.keys.AppendGRUU(dst, &token.GRUU{AOR: aor, Instance: InstanceHash(instance), Call: CallHash(callID), CSeq: cseq})
	if !ok {
		return dst[:start]
	}
	return append(append(dst, aor[at:]...), `;gr"`...)
}

func appendScheme(dst []byte, sips bool) []byte {
	if sips {
		return append(dst, "sips:"...)
	}
	return append(dst, "sip:"...)
}

// appendParam appends the value of a URI parameter, with escapes for what cannot stand
// there (RFC 3261 25.1: paramchar).
func appendParam(dst, value []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range value {
		if isAlphanum(c) || bytes.IndexByte([]byte("-_.!~*'()[]/:&+$"), c) >= 0 {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', digits[c>>4], digits[c&15])
	}
	return dst
}

func isAlphanum(c byte) bool {
	c = wire.Lower(c)
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z'
}

// appendUnescaped appends a value without its escapes.
func appendUnescaped(dst, value []byte) []byte {
	for i := 0; i < len(value); i++ {
		high, low := -1, -1
		if value[i] == '%' && i+2 < len(value) {
			high, low = unhex(value[i+1]), unhex(value[i+2])
		}
		if high < 0 || low < 0 {
			dst = append(dst, value[i])
			continue
		}
		dst = append(dst, byte(high<<4|low))
		i += 2
	}
	return dst
}

func unhex(c byte) int { return bytes.IndexByte([]byte("0123456789abcdef"), wire.Lower(c)) }

package routing

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/wire"
)

// maxContactValues bounds the Contact values of one REGISTER that are looked
// at; how many bindings an address-of-record may hold is another limit.
const maxContactValues = 128

// readContacts reads all Contact values into d, or rejects.
func (t *Tables) readContacts(m *wire.Message, d *Decision) Verdict {
	header, hasHeader, err := m.Expires()
	if err != nil {
		header = 3600 // RFC 3261 20.19
	}
	values := 0
	for v := range m.Values(wire.HeaderContact) {
		if values++; values > maxContactValues {
			return d.Reject(400, "Too Many Contacts", "contacts", nil)
		}
		contact, err := wire.ParseNameAddr(v)
		if err != nil {
			return d.Reject(400, "Malformed Contact", "contact", nil)
		}
		if contact.Star {
			d.Update.Star = true
			continue
		}
		if t.readContact(&contact, header, hasHeader, d) == Decided {
			return Decided
		}
	}
	// RFC 3261 10.3 step 6, 10.2.2: "*" stands alone, and with Expires: 0.
	if d.Update.Star && (values > 1 || !hasHeader || header != 0) {
		return d.Reject(400, "Contact * Needs Expires 0 And No Other Contact", "contact_star", nil)
	}
	return Next
}

// readContact reads one contact. Of schemes other than sip and sips it is kept
// as it came (RFC 3261 10.2.1).
func (t *Tables) readContact(c *wire.NameAddr, header uint32, hasHeader bool, d *Decision) Verdict {
	if _, err := wire.ParseURI(c.URI); err != nil {
		return d.Reject(400, "Malformed Contact", "contact", nil)
	}
	expires := uint32(t.registrar.DefaultExpires)
	if hasHeader {
		expires = header
	}
	if v, ok := c.Param("expires"); ok {
		if expires, ok = wire.ParseDeltaSeconds(v); !ok {
			expires = 3600
		}
	}
	if expires > 0 && expires < uint32(t.registrar.MinExpires) {
		d.lines = append(d.lines[:0], "Min-Expires: "...)
		d.lines = append(strconv.AppendInt(d.lines, int64(t.registrar.MinExpires), 10), "\r\n"...)
		return d.Reject(423, "Interval Too Brief", "min_expires", d.lines)
	}
	expires = min(expires, uint32(t.registrar.MaxExpires))
	if d.Authenticated {
		expires = t.spread(expires, d.request)
	}
	update := location.ContactUpdate{
		URI:     c.URI,
		Q:       readQ(c),
		Expires: expires,
		Params:  d.echoed(c.Params),
	}
	if v, ok := c.Param("+sip.instance"); ok && bytes.IndexByte(v, '\n') < 0 {
		update.Instance = v
	}
	if v, ok := c.Param("reg-id"); ok {
		update.RegID, _ = wire.ParseDeltaSeconds(v)
	}
	d.contacts = append(d.contacts, update)
	return Next
}

// readQ returns q in thousandths, 1000 without one or a wrong one (RFC 3261
// 20.10).
func readQ(c *wire.NameAddr) uint16 {
	v, ok := c.Param("q")
	if !ok || len(v) == 0 || len(v) > 5 || v[0] > '1' || v[0] < '0' || len(v) > 1 && v[1] != '.' {
		return 1000
	}
	q, unit := int(v[0]-'0')*1000, 100
	for _, c := range v[min(2, len(v)):] {
		if c < '0' || c > '9' {
			return 1000
		}
		q, unit = q+int(c-'0')*unit, unit/10
	}
	return uint16(min(q, 1000))
}

// ownParams are those that the registrar has a field for, or writes itself (RFC 5627 5.2).
var ownParams = [...]string{"expires", "q", "+sip.instance", "reg-id", "pub-gruu", "temp-gruu"}

// echoed returns the contact parameters that the registrar keeps to give them
// back as they came, each with its semicolon: not ownParams. The
// result is part of d.params and holds no line end.
func (d *Decision) echoed(params []byte) []byte {
	start := len(d.params)
	for rest := params; len(rest) > 0; {
		var p []byte
		p, rest = nextParam(rest)
		if len(p) == 0 || slices.ContainsFunc(ownParams[:], func(name string) bool { return isParam(p, name) }) {
			continue
		}
		d.params = append(append(d.params, ';'), p...)
	}
	own := d.params[start:len(d.params):len(d.params)]
	unfold(own)
	return own
}

// nextParam splits off the first parameter; semicolons in quotes do not count.
func nextParam(b []byte) (param, rest []byte) {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\' && quoted:
			i++
		case b[i] == '"':
			quoted = !quoted
		case b[i] == ';' && !quoted:
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// isParam reports whether a parameter has that lower-case name.
func isParam(p []byte, name string) bool {
	for len(p) > 0 && isSpace(p[0]) {
		p = p[1:]
	}
	if len(p) < len(name) {
		return false
	}
	for i := range len(name) {
		if wire.Lower(p[i]) != name[i] {
			return false
		}
	}
	return len(p) == len(name) || p[len(name)] == '=' || isSpace(p[len(name)])
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

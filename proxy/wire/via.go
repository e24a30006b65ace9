package wire

import "bytes"

// Via is one Via value (RFC 3261 20.42). All slices are views into what was parsed.
type Via struct {
	Transport []byte // as written: UDP, TCP, TLS, WS, ...
	Host      []byte // of sent-by; an IPv6 reference keeps its brackets
	Port      uint16 // of sent-by, 0 without HasPort
	HasPort   bool
	Params    []byte // after the first ";"

	branch, received    []byte
	hasRPort            bool
	rport               uint16
	seen                uint8
	receivedAt, rportAt Span // the whole parameters, in Params
	keepAt              Span // that of a keep without a value
}

// Branch returns the branch parameter, nil if there is none (RFC 2543 has none).
func (v *Via) Branch() []byte { return v.branch }

// Received returns the received parameter as written, nil if there is none. See HostAddr.
func (v *Via) Received() []byte { return v.received }

// RPort returns the rport parameter: requested tells that it is there, port is 0 while it has no value (RFC 3581 3).
func (v *Via) RPort() (port uint16, requested bool) { return v.rport, v.hasRPort }

// Param returns the value of any parameter, whose name may be in any case, without quotes. The value of one without "="
// is nil.
func (v *Via) Param(name string) (value []byte, ok bool) { return findParam(v.Params, name) }

// ParseVia parses one Via value. White space is accepted wherever the grammar has it, which is nearly everywhere. The
// error is a *Error: "Malformed Via". With parameters alone at fault what precedes them is there all the same, for who
// wants to say so to the sender (RFC 4475 3.1.2.1); otherwise Host is nil.
func ParseVia(b []byte) (Via, error) {
	var v Via
	b = trimLWS(b)
	rest, ok := v.parseProtocol(b)
	if !ok {
		return Via{}, errVia
	}
	sentBy := rest
	if semi := bytes.IndexByte(rest, ';'); semi >= 0 {
		sentBy, v.Params = trimLWS(rest[:semi]), rest[semi+1:]
	}
	v.Host, v.Port, v.HasPort, ok = splitHostPort(sentBy, true)
	if !ok {
		return Via{}, errVia
	}
	if !v.parseParams() {
		return Via{Transport: v.Transport, Host: v.Host, Port: v.Port, HasPort: v.HasPort}, errVia
	}
	return v, nil
}

// parseProtocol reads protocol-name SLASH protocol-version SLASH transport LWS and returns what follows.
func (v *Via) parseProtocol(b []byte) (rest []byte, ok bool) {
	const usual = "SIP/2.0/"
	if len(b) > len(usual) && string(b[:len(usual)]) == usual {
		b = b[len(usual):]
	} else {
		for range 2 {
			if _, b, ok = cutToken(b); !ok || len(b) == 0 || b[0] != '/' {
				return nil, false
			}
			b = b[1:]
		}
	}
	v.Transport, rest, ok = cutToken(b)
	end := len(b) - len(rest)
	return rest, ok && end > 0 && is(b[end-1], classLWS)
}

// cutToken reads a token with white space around it.
func cutToken(b []byte) (token, rest []byte, ok bool) {
	start := skipLWS(b, 0)
	end := start
	for end < len(b) && is(b[end], classToken) {
		end++
	}
	return b[start:end], b[skipLWS(b, end):], end > start
}

// parseParams reads the parameters this package knows. One of them twice is an error (RFC 3261 7.3.1): an element that
// takes the other one would send the response elsewhere.
func (v *Via) parseParams() bool {
	p := params{b: v.Params}
	for p.next() {
		ok := true
		switch {
		case equalFold(p.name, "branch"):
			ok = v.once(1)
			v.branch = p.value
		case equalFold(p.name, "received"):
			ok = v.once(2)
			v.received, v.receivedAt = p.value, span(p.start, p.end)
		case equalFold(p.name, "rport"):
			ok = v.once(4) && v.setRPort(&p)
		case equalFold(p.name, "maddr"): // responses do not obey it
			ok = v.once(8)
		case equalFold(p.name, "keep"):
			if !p.hasValue {
				v.keepAt = span(p.start, p.end)
			}
		case equalFold(p.name, "ttl"):
			ok = v.once(16) && isTTL(p.value)
		}
		if !ok {
			return false
		}
	}
	return !p.bad
}

func (v *Via) once(bit uint8) bool {
	seen := v.seen&bit != 0
	v.seen |= bit
	return !seen
}

func (v *Via) setRPort(p *params) bool {
	v.hasRPort, v.rportAt = true, span(p.start, p.end)
	if len(p.value) == 0 {
		return true
	}
	n, ok := parseUint(p.value, 65535)
	v.rport = uint16(n)
	return ok && n <= 65535
}

func isTTL(b []byte) bool {
	n, ok := parseUint(b, 255)
	return ok && n <= 255
}

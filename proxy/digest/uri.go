package digest

import (
	"bytes"
	"sync"

	"github.com/sipring/sipring/proxy/wire"
)

// maxLoose is the length of the longest URI that IsFor is liberal with, in bytes.
const maxLoose = 512

// IsFor reports whether the uri parameter stands for the Request-URI, so that what a phone
// proved for one target is worth nothing for another (RFC 7616 section 3.4.6). It does if
// the two are equivalent (RFC 3261 section 19.1.4), and also where they differ in what
// phones write into one of them alone, as RFC 3261 section 22.4 item 7 allows:
//
//   - the user part, as in a uri that names the domain alone; two that are there are the same;
//   - the port; two that are there, or the default one and none, are the same;
//   - parameters that do not choose the target: all but maddr, ttl and method. Those that
//     are in both are the same;
//   - the password.
//
// The scheme and the host are always the same, and so are headers. The uri is part of
// what the phone hashed: nobody else can write another one into it.
func (r *Response) IsFor(requestURI []byte) bool {
	if wire.EqualURI(r.URI, requestURI) {
		return true
	}
	if len(r.URI) > maxLoose || len(requestURI) > maxLoose {
		return false
	}
	u, errU := wire.ParseURI(r.URI)
	v, errV := wire.ParseURI(requestURI)
	if errU != nil || errV != nil || u.Scheme != v.Scheme || u.Scheme != wire.SchemeSIP && u.Scheme != wire.SchemeSIPS {
		return false
	}
	if !equalPort(&u, &v) {
		return false
	}
	f := rooms.Get().(*forms)
	equal := f.equalTarget(&u, &v) && f.sameWhereBoth(&u, &v)
	rooms.Put(f)
	return equal
}

// forms is room for two URIs in another form: a user part is all escapes at most.
type forms struct{ u, v [3*maxLoose + 8]byte }

var rooms = sync.Pool{New: func() any { return new(forms) }}

func equalPort(u, v *wire.URI) bool { return !u.HasPort || !v.HasPort || u.Port == v.Port }

// equalTarget compares user and host, for users only if both have one.
func (f *forms) equalTarget(u, v *wire.URI) bool {
	a, b := wire.URI{Scheme: u.Scheme, Host: u.Host}, wire.URI{Scheme: v.Scheme, Host: v.Host}
	if u.User != nil && v.User != nil {
		a.User, b.User = u.User, v.User
	}
	return bytes.Equal(wire.CanonicalAOR(f.u[:0], a), wire.CanonicalAOR(f.v[:0], b))
}

// sameWhereBoth compares parameters and headers, as URIs that have nothing else to tell
// them apart: a parameter that EqualURI wants in both or in neither is left out of the one
// if the other does not have it.
func (f *forms) sameWhereBoth(u, v *wire.URI) bool {
	return wire.EqualURI(appendBare(f.u[:0], u, v), appendBare(f.v[:0], v, u))
}

// bareURI is a URI with a host that is nobody's.
const bareURI = "sip:h"

// optional are parameters that say how a target is reached or how it is written.
var optional = [...]string{"transport", "user"}

func appendBare(dst []byte, u, other *wire.URI) []byte {
	dst = append(dst, bareURI...)
	for rest := u.Params; len(rest) > 0; {
		var param []byte
		param, rest, _ = bytes.Cut(rest, []byte{';'})
		if !onlyHere(param, other) {
			dst = append(append(dst, ';'), param...)
		}
	}
	if len(u.Headers) > 0 {
		dst = append(append(dst, '?'), u.Headers...)
	}
	return dst
}

// onlyHere reports whether an optional parameter is missing in the other URI.
func onlyHere(param []byte, other *wire.URI) bool {
	name, _, _ := bytes.Cut(param, []byte{'='})
	for _, o := range optional {
		if equalFold(name, o) {
			_, there := other.Param(o)
			return !there
		}
	}
	return false
}

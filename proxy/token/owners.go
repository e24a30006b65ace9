package token

import (
	"encoding/binary"

	"github.com/sipring/sipring/proxy/flow"
)

// The owners of UDP flows, of ends that are behind NAT and reached by way of one member, stand
// before the callee's address-of-record, in its place behind another byte: members of a version
// that knows of no such owners pass over all of that, and send themselves. It costs 1 byte and 6
// for each end.
const (
	ownersMark = 0x7d // began none of those
	ownerLen   = 2 + 4

	callerOwned = 1
	calleeOwned = 2
)

// owns reports whether the owner of a UDP flow is written.
func owns(f flow.Flow) bool { return f.IsOwnedUDP() && f.Owner <= 1<<16-1 && f.Life != 0 }

// ownersLen is how many bytes the owners take, 0 if there are none.
func (t *Token) ownersLen() (n int) {
	for _, f := range [...]flow.Flow{t.Caller, t.Callee} {
		if owns(f) {
			n += ownerLen
		}
	}
	if n > 0 {
		n++
	}
	return n
}

// hasCalleeAOR reports whether the callee's address-of-record is written: where owners are it has
// less room.
func (t *Token) hasCalleeAOR() bool {
	return t.CalleeEnd.hasAOR() && len(t.CalleeEnd.AOR)+t.ownersLen() <= MaxAOR
}

// appendCallee writes the owners and the callee's address-of-record.
func (t *Token) appendCallee(dst []byte) []byte {
	n := t.ownersLen()
	if n == 0 {
		return t.CalleeEnd.appendAOR(dst)
	}
	aor := t.CalleeEnd.AOR
	if !t.hasCalleeAOR() {
		aor = nil
	}
	dst = append(dst, ownersMark, byte(n+len(aor)), 0)
	flags := &dst[len(dst)-1]
	for i, f := range [...]flow.Flow{t.Caller, t.Callee} {
		if owns(f) {
			*flags |= callerOwned << i
		}
	}
	for _, f := range [...]flow.Flow{t.Caller, t.Callee} {
		if owns(f) {
			dst = binary.BigEndian.AppendUint16(dst, uint16(f.Owner))
			dst = binary.BigEndian.AppendUint32(dst, f.Life)
		}
	}
	return append(dst, aor...)
}

// readCallee reads what appendCallee writes, the owners into the flows.
func (t *Token) readCallee(r *reader) (aor []byte) {
	if len(r.rest) == 0 || r.rest[0] != ownersMark {
		return r.aor()
	}
	r.byte()
	in := reader{rest: r.take(int(r.byte()))}
	flags := in.byte()
	in.bad = in.bad || flags == 0 || flags&^(callerOwned|calleeOwned) != 0
	for i, f := range [...]*flow.Flow{&t.Caller, &t.Callee} {
		if flags&(callerOwned<<i) != 0 {
			in.owner(f)
		}
	}
	r.bad = r.bad || in.bad
	return in.rest
}

// owner reads the owner of a UDP flow.
func (r *reader) owner(f *flow.Flow) {
	owner, life := uint32(r.big(2)), uint32(r.big(4))
	if r.bad = r.bad || f.Transport != flow.UDP || owner == 0 || life == 0; !r.bad {
		f.Owner, f.Life = owner, life
	}
}

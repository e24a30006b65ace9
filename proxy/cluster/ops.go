package cluster

import "github.com/sipring/sipring/proxy/location"

// RegisterOp is one REGISTER on its way through the cluster. The caller fills in Update and Done, hands it to
// Core.Register and must leave it alone until Done has been called; then it may be used again. Pool them.
type RegisterOp struct {
	// Update is what the REGISTER asks for. Its slices must stay valid until Done. Its Proof may be gone by then.
	Update location.Update
	// Done is called once by the driver, after it has unlocked the core.
	Done func(*RegisterOp)

	// Status is 200, 400, 401, 403, 500, 507, 508 or 509 as location.Store.Apply decides, or 503: not enough members
	// confirmed in time.
	Status int
	// Record holds the current bindings of the AOR for a 200, and Now the time to compute what is left of them.
	// It belongs to the op.
	Record location.Record
	Now    int64

	buf []byte
}

// LookupOp asks for the bindings of one AOR. The rules of RegisterOp hold.
type LookupOp struct {
	// AOR is the canonical address-of-record. It must stay valid until Done.
	AOR []byte
	// Done is called once by the driver, after it has unlocked the core.
	Done func(*LookupOp)

	// Result says whether Record is the answer.
	Result LookupResult
	// Record holds the bindings; use Record.Live(op.Now). It belongs to the op.
	Record location.Record
	Now    int64

	buf []byte
}

// LookupResult is how a lookup ended.
type LookupResult uint8

const (
	// Unavailable means that no member that holds the AOR's partition answered in time. It is not known whether there are
	// bindings: never answer 404 or 480 because of it.
	Unavailable LookupResult = iota
	// Found means that Record has at least one live binding.
	Found
	// NotFound means that a member that holds everything acknowledged for this AOR has no live binding.
	NotFound
)

// finishRegister answers this member's own op.
func (s *self) finishRegister(op *RegisterOp, status int, r location.Record, e *Effects) {
	op.Status, op.Now = status, s.now
	op.Record, op.buf = r.CopyTo(op.buf)
	if status == location.StatusUnavailable {
		s.stats.RegistersFailed++
	}
	e.Registers = append(e.Registers, op)
}

// finishLookup answers this member's own op.
func (s *self) finishLookup(op *LookupOp, ok bool, r location.Record, e *Effects) {
	op.Now = s.now
	op.Record, op.buf = r.CopyTo(op.buf)
	switch {
	case !ok:
		op.Result = Unavailable
		s.stats.LookupsUnavailable++
	case r.LiveCount(s.now) > 0:
		op.Result = Found
	default:
		op.Result = NotFound
	}
	e.Lookups = append(e.Lookups, op)
}

package routing

import (
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// decideInDialog is for a request with a token of this call that goes where no
// address-of-record says. A token is no licence for more than the dialog that it
// was written for: the request must come from one of its ends, and begin nothing.
func (t *Tables) decideInDialog(m *wire.Message, d *Decision) {
	from, to := token.HashTag(m.FromTag()), token.HashTag(m.ToTag())
	switch caller := d.Token.CallerTag; {
	case to == 0 && !endsOnly(m):
		d.reject(m, 403, "To Tag Missing Within A Dialog", "no_to_tag")
	case from == caller:
		d.Action, d.Why, d.ToCallee = InDialog, "token", true
	case to == caller:
		d.Action, d.Why = InDialog, "token"
	default:
		d.rejectForged(m)
	}
}

// endsOnly reports whether the request can begin nothing at its far end, so that
// it may lack the To tag: an end of RFC 2543 may have none (RFC 3261 12.1.1,
// 12.2.1.1).
func endsOnly(m *wire.Message) bool {
	switch m.Method() {
	case wire.MethodAck, wire.MethodBye, wire.MethodCancel:
		return true
	}
	return false
}

package routing

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// decideDialog is for a request with a token of this call that goes where no
// address-of-record says (RFC 3261 16.4 to 16.6 within a dialog). A token is no
// licence for more than the dialog that it was written for: the request must come
// from one of its ends, and begin nothing.
func decideDialog(t *Tables, m *wire.Message, d *Decision) Verdict {
	if !d.signed || d.isForAOR() {
		return Next
	}
	from, to := token.HashTag(m.FromTag()), token.HashTag(m.ToTag())
	switch caller := d.Token.CallerTag; {
	case to == 0 && !endsOnly(m):
		return d.Reject(403, "To Tag Missing Within A Dialog", "no_to_tag", nil)
	case d.Token.Expired(d.Hour, t.tokenHours) && !endsOnly(m):
		// 481 ends a call at both ends, which may still send BYE, and has a
		// subscription begun anew (RFC 3261 12.2.1.2, RFC 6665 4.1.2.2).
		return d.Reject(481, "Call Is Older Than Its Route May Be", "expired_token", nil)
	case from == caller:
		d.ToCallee = true
	case to != caller:
		return d.rejectForged()
	}
	return d.decide(InDialog, "token")
}

// isForAOR reports whether an address-of-record says where the request goes, also with a
// token. Not within a dialog whose end has given a GRUU as its Contact: that is who the
// token leads to already, with nobody to be asked who he is (RFC 5627 4.4).
func (d *Decision) isForAOR() bool {
	if d.NextRoute != nil || !d.tables.isTarget(&d.uri, d) || d.hasApplication() {
		return false
	}
	return d.request.ToTag() == nil || !IsGRUU(&d.uri)
}

// hasApplication reports whether the request is within a dialog that an application has
// one end of: that may name itself by the address-of-record that it was called by, and
// which of the applications it is the token says.
func (d *Decision) hasApplication() bool {
	return d.signed && d.request.ToTag() != nil && (d.Token.Caller.Transport == flow.Local || d.Token.Callee.Transport == flow.Local)
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

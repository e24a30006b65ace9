package routing

import "github.com/sipring/sipring/proxy/wire"

// WhyForged is the Why of a request within a dialog, or to where only a token
// leads, whose Route names us and holds a token that does not verify, or is that
// of another dialog.
const WhyForged = "forged_token"

// checkForged refuses what is within a dialog by a token that is none of its. An
// ACK may still be that of a failure, which has the Routes of its INVITE. A REGISTER
// is within no dialog, whatever To tag a phone writes into it. Nobody is asked who
// they are before that: no credentials would help.
func checkForged(_ *Tables, m *wire.Message, d *Decision) Verdict {
	if d.forged && !d.signed && m.ToTag() != nil && m.Method() != wire.MethodAck && m.Method() != wire.MethodRegister {
		return d.rejectForged()
	}
	return Next
}

func (d *Decision) rejectForged() Verdict {
	return d.Reject(403, "Route Is Not Of This Dialog", WhyForged, nil)
}

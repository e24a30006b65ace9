package routing

import (
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/wire"
)

// decideRegister is RFC 3261 10.3 steps 1, 2, 5 and what of 6 and 7 needs no
// binding; the rest is location's. Steps 3 and 4 (who may register) are not
// here.
func decideRegister(t *Tables, m *wire.Message, d *Decision) Verdict {
	if m.Method() != wire.MethodRegister {
		return Next
	}
	if d.NextRoute != nil {
		return d.denyRoute()
	}
	if t.foreignMaddr(&d.uri) {
		return d.denyMaddr()
	}
	if !t.Serves(d.uri.Host) && !t.names(&d.uri) {
		return d.Reject(404, "Not Found", "foreign_domain", nil)
	}
	if d.requireOnly(m, wire.HeaderRequire, "require", optionPath, optionGRUU, optionOutbound) == Decided {
		return Decided
	}
	aor, ok := d.Registered()
	if !ok {
		return d.Reject(404, "Not Found", "foreign_domain", nil)
	}
	number, _, _ := m.CSeq()
	d.Update = location.Update{AOR: aor, CallID: m.CallID(), CSeq: number, Proof: d.Proof}
	d.contacts, d.params = d.contacts[:0], d.params[:0]
	if t.readContacts(m, d) == Decided || readPath(m, d) == Decided || readOutbound(m, d) == Decided {
		return Decided
	}
	d.TellGRUU = supports(m, optionGRUU)
	d.Update.Contacts, d.AOR = d.contacts, aor
	return d.decide(Register, "register")
}

package routing

import "github.com/sipring/sipring/proxy/wire"

// checkForeignRoute refuses to relay to a Route that is none of ours without a
// token that says so, and says what to do if it should be ours: no open relay.
func checkForeignRoute(_ *Tables, m *wire.Message, d *Decision) Verdict {
	if d.NextRoute != nil && !d.signed {
		return d.denyRoute()
	}
	return Next
}

func (d *Decision) denyRoute() Verdict {
	return d.Reject(403, "Relaying Denied: Route Is Not In Aliases", "foreign_route", nil)
}

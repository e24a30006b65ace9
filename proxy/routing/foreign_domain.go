package routing

import "github.com/sipring/sipring/proxy/wire"

// decideForeign refuses what is left: nothing here leads there (RFC 3261 16.5),
// or only a token would.
func decideForeign(_ *Tables, m *wire.Message, d *Decision) Verdict {
	if d.forged {
		return d.rejectForged()
	}
	return d.Reject(404, "Not Found", "foreign_domain", nil)
}

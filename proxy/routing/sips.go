package routing

import "github.com/sipring/sipring/proxy/wire"

var sipsLines = []byte("Warning: 380 sipring \"SIPS Not Allowed\"\r\n")

// checkSIPS refuses a SIPS URI of ours: never over a transport that is not TLS
// (RFC 5630 5.3).
func checkSIPS(t *Tables, m *wire.Message, d *Decision) Verdict {
	if d.uri.Scheme == wire.SchemeSIPS && t.Serves(d.uri.Host) {
		return d.Reject(480, "Temporarily Unavailable", "sips", sipsLines)
	}
	return Next
}

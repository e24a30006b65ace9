package routing

import "github.com/sipring/sipring/proxy/wire"

var sipsLines = []byte("Warning: 380 sipring \"SIPS Not Allowed\"\r\n")

// checkSIPS refuses a SIPS URI of ours that did not come over TLS, or where nothing is
// served over that: the caller was promised that all of the way is (RFC 5630 5.3).
func checkSIPS(t *Tables, m *wire.Message, d *Decision) Verdict {
	if !d.SIPS() || !t.Serves(d.uri.Host) || d.From.Transport.Secure() {
		return Next
	}
	return d.Reject(480, "Temporarily Unavailable", "sips", sipsLines)
}

// SIPS reports whether the request is for a SIPS URI: it goes to those alone, over TLS
// (RFC 5630 5.3).
func (d *Decision) SIPS() bool { return d.uri.Scheme == wire.SchemeSIPS }

// Unreached is the header lines of the 480 to a request with no target, nil for none: of
// one for a SIPS URI that its user is not to be reached so (RFC 5630 5.3).
func (d *Decision) Unreached() []byte {
	if d.SIPS() {
		return sipsLines
	}
	return nil
}

package routing

import "github.com/sipring/sipring/proxy/wire"

// decideAOR is for a request to an address-of-record served here (RFC 3261 16.5).
func decideAOR(t *Tables, _ *wire.Message, d *Decision) Verdict {
	if !t.isAOR(&d.uri, d) {
		return Next
	}
	if t.readGRUU(d) == Decided {
		return Decided
	}
	d.AOR = d.aor
	return d.decide(Lookup, "aor")
}

// isTarget is isAOR for a Request-URI, whose maddr leads past the
// address-of-record.
func (t *Tables) isTarget(uri *wire.URI, d *Decision) bool {
	return !t.foreignMaddr(uri) && t.isAOR(uri, d)
}

// isAOR reports whether the URI is an address-of-record served here, and leaves
// its canonical form in d.aor. A tel URI is the user of that number (RFC 3261
// 19.1.6) in the domain of its phone-context, if that is served here, else in
// the first one.
func (t *Tables) isAOR(uri *wire.URI, d *Decision) bool {
	aor, ok := t.AppendAOR(d.aor[:0], uri)
	if ok {
		d.aor = aor
	}
	return ok
}

package routing

import "github.com/sipring/sipring/proxy/wire"

// checkRequestURI reads the Request-URI, which all others go by.
func checkRequestURI(_ *Tables, m *wire.Message, d *Decision) Verdict {
	var err error
	if d.uri, err = m.URI(); err != nil {
		return d.Reject(400, "Malformed Request-URI", "request_uri", nil)
	}
	return Next
}

// checkScheme is RFC 3261 16.3 step 2.
func checkScheme(_ *Tables, m *wire.Message, d *Decision) Verdict {
	if d.uri.Scheme == wire.SchemeOther {
		return d.Reject(416, "Unsupported URI Scheme", "scheme", nil)
	}
	return Next
}

package routing

import "github.com/sipring/sipring/proxy/wire"

// Header lines of responses.
const (
	// AllowLine names what this proxy answers itself (RFC 3261 20.5).
	AllowLine = "Allow: OPTIONS, REGISTER\r\n"
	// OptionsLines are what a 200 to OPTIONS for the proxy itself says (RFC
	// 3261 11.2).
	OptionsLines = AllowLine + "Accept: application/sdp\r\nAccept-Encoding: identity\r\nAccept-Language: en\r\n"
)

var (
	optionsLines = []byte(OptionsLines)
	allowLine    = []byte(AllowLine)
)

// decideOwn is for a request to the proxy itself and nobody behind it (RFC 3261
// 11).
func decideOwn(t *Tables, m *wire.Message, d *Decision) Verdict {
	switch {
	case d.uri.Scheme == wire.SchemeTel || d.uri.User != nil || !t.names(&d.uri):
		return Next
	case m.Method() == wire.MethodOptions:
		return d.options(m)
	}
	return d.Reject(405, "Method Not Allowed", "own_address", allowLine)
}

// options answers as the user agent that the request is for (RFC 3261 8.2.2.3).
func (d *Decision) options(m *wire.Message) Verdict {
	if d.requireOnly(m, wire.HeaderRequire, "require") == Decided {
		return Decided
	}
	d.Status, d.Reason, d.Extra = 200, "OK", optionsLines
	return d.decide(Options, "options")
}

package routing

import "github.com/sipring/sipring/proxy/wire"

// defaultTLSPort of a URI that is for TLS (RFC 3261 19.1.2).
const defaultTLSPort = 5061

// isSecure reports whether a URI asks for TLS: by its scheme, or, as in RFC 2543, by
// its transport.
func isSecure(u *wire.URI) bool {
	return u.Scheme == wire.SchemeSIPS || len(u.Params) > 0 && u.ParamIs("transport", "tls")
}

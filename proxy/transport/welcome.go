package transport

// handshakeResult is what became of what precedes the first message.
type handshakeResult uint8

const (
	handshakeDone      handshakeResult = iota
	handshakeTimeout                   // it took too long
	handshakeEnded                     // the far end, or a limit, ended it
	handshakeTLS                       // no TLS that we speak, or no certificate that we trust
	handshakeRefused                   // a WebSocket of another path, origin or subprotocol
	handshakeMalformed                 // no WebSocket handshake that can be read
	handshakeProxy                     // a PROXY header where none may be, or none where one must be
	handshakeResults
)

// welcome does what precedes the first message.
func (c *conn) welcome() handshakeResult {
	c.table.Add(c)
	c.allow(c.limits.Handshake)
	return handshakeDone
}

package transaction

// A source address may be forged, and then whoever has it is sent what was never
// asked for. So until a flow is known to receive (Options.Proven), what the
// table says of its own accord, again and again, is bounded by what came: the 100
// and what is repeated. The first copy of what a branch answers always goes.

// creditFactor is how much may be sent to a flow that is not known to receive, for
// each byte and datagram that came from it.
const creditFactor = 2

// credit is what may be sent to the source of a request, below 0 if more was sent.
type credit struct{ bytes, datagrams int32 }

// maxCredit is the most of either sign: it keeps within its type what nobody looks
// at, as the flow is known to receive.
const maxCredit = 1 << 24

func (c *credit) add(bytes, datagrams int) {
	c.bytes = int32(min(max(int(c.bytes)+bytes, -maxCredit), maxCredit))
	c.datagrams = int32(min(max(int(c.datagrams)+datagrams, -maxCredit), maxCredit))
}

// earn notes a message that came for a transaction.
func (c *credit) earn(bytes int) { c.add(creditFactor*bytes, creditFactor) }

// spend notes one that was sent to its source.
func (c *credit) spend(bytes int) { c.add(-bytes, -1) }

// affords reports whether so much may go to the source.
func (s *serverTransaction) affords(e *event, bytes, datagrams int) bool {
	return bytes <= int(s.credit.bytes) && datagrams <= int(s.credit.datagrams) ||
		s.source.Transport.Reliable() || e.proven == nil || e.proven(s.source)
}

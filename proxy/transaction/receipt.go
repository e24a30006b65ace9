package transaction

import "github.com/sipring/sipring/proxy/wire"

// Receipt is what the table knows of a response's branch.
type Receipt uint8

const (
	// NoBranch is nothing.
	NoBranch Receipt = iota
	// Taken is for a branch of the table's.
	Taken
	// Repeated is so, too, for one that had its final response before. A target repeats
	// that when it gets the request again (RFC 3261 17.2.2): from here, if the two
	// crossed, or from another that holds the transaction. It repeats a 2xx to INVITE
	// while no ACK comes (13.3.1.4).
	Repeated
)

func (b *Branch) receipt(resp *wire.Message) Receipt {
	repeated := !b.pending() && resp.StatusCode() >= 200
	if b.invite() {
		repeated = b.state == clientAccepted && resp.StatusCode() < 300 && resp.StatusCode() >= 200
	}
	if !repeated || resp.CSeqMethod() != b.method {
		return Taken
	}
	return Repeated
}

package transaction

import "github.com/sipring/sipring/proxy/wire"

// Receipt is what the table knows of a response's branch.
type Receipt uint8

const (
	// NoBranch is nothing.
	NoBranch Receipt = iota
	// Taken is for a branch of the table's.
	Taken
	// Repeated is so, too, for a request other than INVITE that had its final response
	// before. The target repeats that when it gets the request again (RFC 3261 17.2.2):
	// from here, if the two crossed, or from another that holds the transaction.
	Repeated
)

func (b *Branch) receipt(resp *wire.Message) Receipt {
	if b.invite() || b.pending() || resp.StatusCode() < 200 {
		return Taken
	}
	return Repeated
}

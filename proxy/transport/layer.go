package transport

import (
	"errors"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/resolve"
)

// Layer moves messages over the flows of one transport or more. Its methods may
// be called by many goroutines, a Handler among them.
type Layer interface {
	// Send gives a message to a flow. It never waits and does not allocate: whoever
	// sends may hold a lock. data is the caller's again when it returns. An error is
	// one that lasts: the far end cannot be reached over this flow. What is lost on
	// the way is no error.
	Send(f flow.Flow, data []byte) error
	// Answer is Send of what nobody waits to hear the fate of, as a response is: it may
	// leave a moment later, together with others.
	Answer(f flow.Flow, data []byte)
	// Open finds or makes a flow to a destination that has an address, and calls
	// opened once: before it returns where that takes no time, as on UDP, else on
	// another goroutine. opened must not block for long.
	Open(to Destination, opened func(flow.Flow, error))
}

// Handler takes what comes in. Messages of one flow come one after the other, in
// order; those of different flows concurrently.
type Handler interface {
	// Message takes a message and the flow it came over, whose Listener and Socket
	// are those that it arrived on. data is valid during the call only.
	Message(f flow.Flow, data []byte)
	// Closed tells that what was sent over a flow did not arrive. A connection is
	// over then. On UDP, which has none, err is a *Refused, and the next datagram
	// may get through. It is valid during the call only.
	Closed(f flow.Flow, err error)
}

// Destination is where a flow is to lead.
type Destination struct {
	// Transport is what to go over, and Listener the one that the far end knows: see
	// flow.Flow.
	Transport flow.Transport
	Listener  uint16
	// Host is the name to find an address for, in canonical form; empty where Addr
	// is known without. By says what else is to be found for it.
	Host string
	By   resolve.By
	// ServerName is the name that the far end has to prove over TLS: the host of the
	// URI (RFC 5922 7.2). Empty is the address.
	ServerName string
	// Addr is the address. Of one that has to be found only the port counts.
	Addr netip.AddrPort
}

// Refused is the error of a datagram that came back because nobody listens where
// it went (RFC 3261 18.4).
type Refused struct {
	// Quote is the beginning of the datagram, as far as the ICMP error quotes it: of
	// most hosts 500 bytes and more, of some routers nothing. It was sent from any
	// socket of the UDP, or by another process with the same address. The word is
	// anybody's: an ICMP error can be made up by whoever knows the addresses.
	Quote []byte
}

func (*Refused) Error() string { return "nobody listens there" }

// Errors of Layers.
var (
	// ErrNoTransport: the transport is not served.
	ErrNoTransport = errors.New("transport not served")
	// ErrNoRoute: the destination has no address that the sockets can send to.
	ErrNoRoute = errors.New("no address that can be sent to")
	// ErrTooManyDials: too many connections are being opened already.
	ErrTooManyDials = errors.New("too many connections are being opened")
	// ErrGone: the connection is over, or another process's.
	ErrGone = errors.New("the connection is over")
)

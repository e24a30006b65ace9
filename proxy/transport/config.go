package transport

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/flow"
)

// ListenConfig says what Listen opens. What is first of UDP, or else of Streams, is
// where the Stack says that it is.
type ListenConfig struct {
	UDP     []UDPConfig
	Streams []StreamConfig
	// Local is where the application in this pod is met, nil for none.
	Local *LocalConfig
	// Dial is what connections are opened with over TLS; nil trusts the system's
	// authorities. The name to verify is the destination's.
	Dial *tls.Config
	// Verify says whether who was connected to over TLS is the destination's name, and is
	// trusted; nil leaves that to Dial.
	Verify func(name string, s tls.ConnectionState) error
	// Trusted reports whether a source may have, and begin, as many connections as
	// there are places; nil trusts none.
	Trusted func(netip.Addr) bool
}

// StreamConfig says what a listener of TCP, TLS, WS or WSS is.
type StreamConfig struct {
	Transport flow.Transport
	// Address to bind. Port 0 takes a free one.
	Address netip.AddrPort
	// Listener is what flows name this one by, together with the transport.
	Listener uint16
	// Shared lets other processes of this user listen there too; the kernel spreads
	// connections over all.
	Shared bool
	// Roams: what is sent to Address may reach another host that holds it, too, so that
	// connections are opened from an address of this host alone, as the system chooses.
	Roams bool
	// TLS is that of TLS and WSS.
	TLS *tls.Config
	// WebSocket is that of WS and WSS.
	WebSocket WebSocket
	// ProxyFrom are the load balancers that begin each connection with a PROXY header,
	// version 1 or 2. Nobody else may.
	ProxyFrom []netip.Prefix
	Limits    StreamLimits
}

// WebSocket says which handshakes are taken (RFC 7118 4).
type WebSocket struct {
	// Path is what must be asked for; empty is any.
	Path string
	// Origins are those of pages that may connect, such as https://phone.example. None
	// means any; who names no origin is no browser and may.
	Origins []string
}

// Holder is this process as flows name it: see flow.Flow.
type Holder struct{ Owner, Life uint32 }

// StreamLimits bound the connections of a listener, and those opened from it. Zero
// values are defaults.
type StreamLimits struct {
	// Places are how many connections there may be, in total (20,000) and of one
	// source (2,000). One beyond takes the place of another: see package connlimit.
	Places connlimit.Limits
	// PerSecond is how many connections one source may begin a second in the long run
	// (100), and as many at once as it may have: a handshake of TLS is work.
	PerSecond int
	// Handshake is how long PROXY header, TLS and WebSocket may take together: 10 s.
	Handshake time.Duration
	// First is how long after that the first message may take to begin: 20 s.
	First time.Duration
	// Message is how long one may take from its first byte to its last: 15 s.
	Message time.Duration
	// Idle is how long nothing may come at all: 70 min, more than most registrations
	// last.
	Idle time.Duration
	// Write is how long the far end may take to take what is sent to it, each 16 KiB of
	// it: 10 s.
	Write time.Duration
	// Dial is how long a connection may take to be opened: 4 s.
	Dial time.Duration
	// Linger is how long a connection that is ended waits for the far end to end it as
	// well: 3 s.
	Linger time.Duration
	// Queue is how much may wait to be written to one connection, in bytes: 256 KiB.
	Queue int
	// Dials is how many connections may be being opened: 256.
	Dials int
}

func (l StreamLimits) withDefaults() StreamLimits {
	orElse(&l.Places.Total, 20_000)
	orElse(&l.Places.PerSource, 2_000)
	orElse(&l.PerSecond, 100)
	orElse(&l.Handshake, 10*time.Second)
	orElse(&l.First, 20*time.Second)
	orElse(&l.Message, 15*time.Second)
	orElse(&l.Idle, 70*time.Minute)
	orElse(&l.Write, 10*time.Second)
	orElse(&l.Dial, 4*time.Second)
	orElse(&l.Linger, 3*time.Second)
	orElse(&l.Queue, 256<<10)
	orElse(&l.Dials, 256)
	return l
}

func orElse[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

package main

import (
	"context"
	"net/netip"
)

// Names of the servers, as in --only and in the JSON.
const (
	nameSipring      = "sipring"
	nameKamailio     = "kamailio"
	nameKamailioTLSF = "kamailio-tlsf"
	nameEcho         = "echo"
)

// domain of every address-of-record; kamailio.cfg and the scenarios name it too.
const domain = "bench.example"

// Addresses of one run. No port is 5060: a package that starts its daemon when
// it is installed must not be in the way.
var (
	echoAddress     = netip.MustParseAddrPort("127.90.0.1:15060")
	kamailioAddress = netip.MustParseAddrPort("127.90.0.2:15060")
	sipringAddress  = netip.MustParseAddrPort("127.90.0.3:15060")

	registerSource = netip.MustParseAddrPort("127.90.1.1:16000") // and the ports after it
	probeSource    = netip.MustParseAddr("127.90.1.4")
	phoneSource    = netip.MustParseAddrPort("127.90.1.5:20000") // and the ports after it
	callerAddress  = netip.MustParseAddrPort("127.90.1.2:15080")
	calleeAddress  = netip.MustParseAddrPort("127.90.1.3:15070")
)

// target is one server to measure.
type target struct {
	name    string
	label   string
	address netip.AddrPort
	// stores and relays: whether bindings and calls mean anything to it.
	stores, relays bool
	// connects: it is measured over TCP, at the port of address, and TLS, at the next one.
	connects bool
	// prepare finds or builds the server, once; its error is what the column
	// says in place of figures. It returns the version.
	prepare func(ctx context.Context) (version string, err error)
	// command writes what the server reads into dir and returns how to start
	// it in the foreground.
	command func(dir string, s setup) (argv []string, err error)
}

// setup is what a server is started for.
type setup struct {
	users       *users // that it asks who they are; nil: it asks nobody
	connections bool   // it takes TCP and TLS
}

// users are those that a server asks for their password: u0, u1 and so on, all with
// the same, which is made for one run.
type users struct {
	n        int
	password string
}

// targets in the order of the columns and of each round.
func (b *bench) targets() []target {
	var ts []target
	for _, t := range []target{
		b.sipringTarget(),
		b.kamailioTarget(nameKamailio, "Kamailio"),
		// Its default memory manager (qm) keeps debugging records; this is
		// what a deployment tuned for speed runs.
		b.kamailioTarget(nameKamailioTLSF, "Kamailio -x tlsf", "-x", "tlsf"),
		b.echoTarget(),
	} {
		if b.options.selected(t.name) {
			ts = append(ts, t)
		}
	}
	return ts
}

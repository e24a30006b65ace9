package server

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
)

// TestWhereAPhoneIsBound: behind a NAT the flow says it, else the contact, and with a Path
// the source that it registered from.
func TestWhereAPhoneIsBound(t *testing.T) {
	over := func(a string) flow.Flow { return flow.OverUDP(netip.MustParseAddrPort(a)) }
	source := func(a string) uint64 { return limit.Source(netip.MustParseAddr(a)) }
	for name, tt := range map[string]struct {
		binding location.Binding
		from    string
		want    routing.Bound
	}{
		"a flow":                       {location.Binding{Contact: []byte("sip:a@10.0.0.1"), Flow: over("192.0.2.1:1024")}, "192.0.2.1:1024", routing.BoundHere},
		"a flow, of a mapped address":  {location.Binding{Contact: []byte("sip:a@10.0.0.1"), Flow: over("[::ffff:192.0.2.1]:1024")}, "192.0.2.1:1024", routing.BoundHere},
		"another port":                 {location.Binding{Contact: []byte("sip:a@10.0.0.1"), Flow: over("192.0.2.1:1024")}, "192.0.2.1:1025", routing.BoundBeside},
		"another address":              {location.Binding{Contact: []byte("sip:a@192.0.2.2:1024"), Flow: over("192.0.2.1:1024")}, "192.0.2.2:1024", routing.BoundElsewhere},
		"a contact":                    {location.Binding{Contact: []byte("sip:a@192.0.2.1:1024")}, "192.0.2.1:1024", routing.BoundHere},
		"a contact without a port":     {location.Binding{Contact: []byte("sip:a@192.0.2.1")}, "192.0.2.1:5060", routing.BoundHere},
		"a contact of IPv6":            {location.Binding{Contact: []byte("sip:a@[2001:db8::1]:7")}, "[2001:db8::1]:7", routing.BoundHere},
		"a contact at another port":    {location.Binding{Contact: []byte("sip:a@192.0.2.1")}, "192.0.2.1:1024", routing.BoundBeside},
		"a contact of a name":          {location.Binding{Contact: []byte("sip:a@phone.example")}, "192.0.2.1:5060", routing.BoundElsewhere},
		"a contact of a name, source":  {location.Binding{Contact: []byte("sip:a@phone.example"), Source: source("192.0.2.1")}, "192.0.2.1:5060", routing.BoundBeside},
		"a contact that is no SIP URI": {location.Binding{Contact: []byte("tel:+1")}, "192.0.2.1:5060", routing.BoundElsewhere},
		"a Path":                       {location.Binding{Contact: []byte("sip:a@192.0.2.1"), Path: []byte("<sip:192.0.2.9;lr>")}, "192.0.2.1:5060", routing.BoundElsewhere},
		"a Path, source":               {location.Binding{Contact: []byte("sip:a@10.0.0.1"), Path: []byte("<sip:192.0.2.9;lr>"), Source: source("192.0.2.9")}, "192.0.2.9:5060", routing.BoundBeside},
	} {
		if got := boundAt(&tt.binding, netip.MustParseAddrPort(tt.from)); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

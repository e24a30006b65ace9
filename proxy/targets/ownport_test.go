package targets

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// A caller who asks for its flow, and names another port of the same address, may be
// there, and at no other address.
func TestFlowIsFollowedByTheOwnPort(t *testing.T) {
	tables := everywhere(t, "UDP", "TCP", "TLS")
	udp := flow.Flow{Transport: flow.UDP, Remote: netip.MustParseAddrPort("203.0.113.9:40001"), Listener: 5060}
	six := flow.Flow{Transport: flow.UDP, Remote: netip.MustParseAddrPort("[2001:db8::9]:40001")}
	const next = "Route: <sip:203.0.113.7;lr>"
	for name, tt := range map[string]struct {
		way   flow.Flow
		uri   string
		route string
		want  string // the second target
	}{
		"another port":        {udp, "sip:alice@203.0.113.9:5062;ob", "", "203.0.113.9:5062"},
		"the usual port":      {udp, "sip:alice@203.0.113.9;transport=udp;ob", "", "203.0.113.9:5060"},
		"of IPv6":             {six, "sip:alice@[2001:db8::9]:5062;ob", "", "[2001:db8::9]:5062"},
		"mapped":              {udp, "sip:alice@[::ffff:203.0.113.9]:5062;ob", "", "203.0.113.9:5062"},
		"the flow's own":      {udp, "sip:alice@203.0.113.9:40001;ob", "", ""},
		"not asked for":       {udp, "sip:alice@203.0.113.9:5062", "", ""},
		"another address":     {udp, "sip:alice@203.0.113.8:5062;ob", "", ""},
		"behind NAT":          {udp, "sip:alice@10.0.0.9:5062;ob", "", ""},
		"maddr":               {udp, "sip:alice@203.0.113.9:5062;ob;maddr=203.0.113.8", "", ""},
		"a name":              {udp, "sip:alice@phone.example:5062;ob", "", ""},
		"another transport":   {udp, "sip:alice@203.0.113.9:5062;transport=tcp;ob", "", ""},
		"sips":                {udp, "sips:alice@203.0.113.9:5062;ob", "", ""},
		"on a connection":     {over(flow.TCP, 7), "sip:alice@203.0.113.9:5062;transport=tcp;ob", "", ""},
		"a proxy between":     {udp, "sip:alice@203.0.113.9:5062;ob", next, ""},
		"no SIP URI at all":   {udp, "tel:+49;ob", "", ""},
		"what cannot be sent": {udp, "sip:alice@203.0.113.9:0;ob", "", ""},
	} {
		var m wire.Message
		if err := m.Scan([]byte("BYE "+tt.uri+" SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nCall-ID: c\r\n\r\n"), nil); err != nil {
			t.Fatal(err)
		}
		d := routing.Decision{Token: &token.Token{Caller: tt.way, CallerNAT: true, Made: 1}}
		if tt.route != "" {
			d.NextRoute, d.Loose = []byte(strings.TrimSuffix(strings.TrimPrefix(tt.route, "Route: <"), ">")), true
		}
		first, _ := OfDialog(&m, &d, tables, false)
		list := AppendOwnPort([]Target{first}, &m, &d, tables)
		got := ""
		if len(list) == 2 {
			got = list[1].To.Addr.String()
			if list[0].Group == 0 || list[1].Group != list[0].Group || list[1].To.Listener != tt.way.Listener {
				t.Errorf("%s: not one after the other at the flow's listener: %+v", name, list)
			}
			if a, b := list[0].AppendName(nil, m.RequestURI()), list[1].AppendName(nil, m.RequestURI()); string(a) == string(b) {
				t.Errorf("%s: two targets of one name", name)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

package transport

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

func TestRFC3263_4_URIDestination(t *testing.T) {
	for uri, want := range map[string]struct {
		To, Name string
		OK       bool
	}{
		"sip:bob@192.0.2.4":                    {To: "192.0.2.4:5060", OK: true},
		"sip:bob@192.0.2.4:5070;transport=udp": {To: "192.0.2.4:5070", OK: true},
		"sip:bob@[2001:db8::9]:5071":           {To: "[2001:db8::9]:5071", OK: true},
		"sip:bob@[2001:db8::9]":                {To: "[2001:db8::9]:5060", OK: true},
		"sip:bob@example.com":                  {Name: "example.com", OK: true},
		"sip:bob@example.com;maddr=192.0.2.9":  {To: "192.0.2.9:5060", OK: true},
		"sip:bob@192.0.2.4;maddr=a.example":    {Name: "a.example", OK: true},
		"sip:bob@1.2.3.example":                {Name: "1.2.3.example", OK: true},
		"sip:bob@999.2.3.4":                    {Name: "999.2.3.4", OK: true},
		"sip:192.0.2.4:6000":                   {To: "192.0.2.4:6000", OK: true},
		"sip:bob@A.Example.:5070":              {Name: "a.example", OK: true},
	} {
		u, err := wire.ParseURI([]byte(uri))
		if err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		to, ok := URIDestination(&u)
		got := struct {
			To, Name string
			OK       bool
		}{Name: to.Host, OK: ok}
		if to.Host == "" {
			got.To = to.Addr.String()
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", uri, d)
		}
	}
}

func TestRFC3263_4_1_OverUDP(t *testing.T) {
	for uri, want := range map[string]bool{
		"sip:a@b": true, "sip:a@b;transport=udp": true, "SIP:a@b;Transport=UDP;lr": true, "sip:a@b;transport": true, "sip:a@b;transport=%75D%70": true,
		"sip:a@b;transport=t%6cs": false, "sip:a@b;transport=%2575dp": false, "sip:a@b;x=tls": true,
		"sip:a@b;transport=tcp": false, "sip:a@b;lr;transport=TLS": false, "sip:a@b;transport=ws": false, "sip:a@b;transport=wss": false,
		"sip:a@b;transport=sctp": false, "sip:a@b;transport=other": false, "sip:a@b;%74ransport=tcp": false, "sips:a@b": false,
		"sips:a@b;transport=udp": false, "tel:+1201": false, "mailto:a@b": false,
	} {
		u, err := wire.ParseURI([]byte(uri))
		if err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		if got := OverUDP(&u); got != want {
			t.Errorf("%s: %v", uri, got)
		}
	}
}

func TestRFC3261_18_2_2_ResponseDestination(t *testing.T) {
	for via, want := range map[string]string{
		"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa":                                 "192.0.2.1:5060",
		"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKa":                            "192.0.2.1:5070",
		"SIP/2.0/UDP a.example:5070;received=192.0.2.7;branch=z9hG4bKa":         "192.0.2.7:5070",
		"SIP/2.0/UDP a.example:5070;received=192.0.2.7;rport=9;branch=z9hG4bKa": "192.0.2.7:9",
		"SIP/2.0/UDP a.example;received=2001:db8::9;branch=z9hG4bKa":            "[2001:db8::9]:5060",
		"SIP/2.0/UDP [2001:db8::1]:99;branch=z9hG4bKa":                          "[2001:db8::1]:99",
		"SIP/2.0/UDP a.example:5070;branch=z9hG4bKa":                            "",
		"SIP/2.0/UDP 192.0.2.1;maddr=198.51.100.1;branch=z9hG4bKa":              "192.0.2.1:5060",
		"SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bKa":                      "192.0.2.1:5070",
	} {
		v, err := wire.ParseVia([]byte(via))
		if err != nil {
			t.Fatalf("%s: %v", via, err)
		}
		to, ok := ResponseDestination(&v)
		got := ""
		if ok {
			got = to.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", via, got, want)
		}
	}
}

func TestRFC3581_4_ResponseFlow(t *testing.T) {
	source := netip.MustParseAddrPort("203.0.113.5:40000")
	for via, want := range map[string]string{
		"SIP/2.0/UDP 192.168.0.2:5070;rport;branch=z9hG4bKa": "203.0.113.5:40000",
		"SIP/2.0/UDP 192.168.0.2:5070;branch=z9hG4bKa":       "203.0.113.5:5070",
		"SIP/2.0/UDP a.example;branch=z9hG4bKa":              "203.0.113.5:5060",
	} {
		v, err := wire.ParseVia([]byte(via))
		if err != nil {
			t.Fatalf("%s: %v", via, err)
		}
		f := flow.Flow{Remote: source, Socket: 3}
		if got := ResponseFlow(&v, f); got.Remote.String() != want || got.Socket != 3 {
			t.Errorf("%s: got %+v, want %s", via, got, want)
		}
		f = flow.Flow{Remote: source, Conn: 7, Owner: 1, Transport: flow.TCP}
		if got := ResponseFlow(&v, f); got != f {
			t.Errorf("%s over a connection: got %+v, want %+v", via, got, f)
		}
	}
}

package transport

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/resolve"
	"github.com/sipring/sipring/proxy/wire"
)

func TestRFC3263_4_URIDestination(t *testing.T) {
	type way struct {
		To, Name string
		OK       bool
	}
	for _, tt := range []struct {
		uri  string
		over flow.Transport
		want way
	}{
		{"sip:bob@192.0.2.4", flow.UDP, way{To: "192.0.2.4:5060", OK: true}},
		{"sip:bob@192.0.2.4:5070;transport=udp", flow.UDP, way{To: "192.0.2.4:5070", OK: true}},
		{"sip:bob@[2001:db8::9]:5071", flow.UDP, way{To: "[2001:db8::9]:5071", OK: true}},
		{"sip:bob@[2001:db8::9]", flow.UDP, way{To: "[2001:db8::9]:5060", OK: true}},
		{"sip:bob@example.com", flow.UDP, way{Name: "example.com", OK: true}},
		{"sip:bob@example.com;maddr=192.0.2.9", flow.UDP, way{To: "192.0.2.9:5060", OK: true}},
		{"sip:bob@192.0.2.4;maddr=a.example", flow.UDP, way{Name: "a.example", OK: true}},
		{"sip:bob@1.2.3.example", flow.UDP, way{Name: "1.2.3.example", OK: true}},
		{"sip:bob@999.2.3.4", flow.UDP, way{Name: "999.2.3.4", OK: true}},
		{"sip:192.0.2.4:6000", flow.UDP, way{To: "192.0.2.4:6000", OK: true}},
		{"sip:bob@A.Example.:5070", flow.UDP, way{Name: "a.example", OK: true}},
		{"sip:bob@192.0.2.4;transport=tcp", flow.TCP, way{To: "192.0.2.4:5060", OK: true}},
		{"sip:bob@192.0.2.4;transport=tls", flow.TLS, way{To: "192.0.2.4:5061", OK: true}},
		{"sips:bob@192.0.2.4", flow.TLS, way{To: "192.0.2.4:5061", OK: true}},
		{"sips:bob@192.0.2.4:5070", flow.TLS, way{To: "192.0.2.4:5070", OK: true}},
		// RFC 7118 5: nobody resolves the name of who does not know its own, and a browser
		// is not called at any address.
		{"sip:bob@df7jal23ls0d.invalid", flow.UDP, way{Name: "df7jal23ls0d.invalid"}},
		{"sip:bob@x.INVALID.;transport=tcp", flow.TCP, way{Name: "x.invalid"}},
		{"sip:bob@192.0.2.4;maddr=x.invalid", flow.UDP, way{Name: "x.invalid"}},
		{"sip:bob@192.0.2.4;transport=ws", flow.WS, way{To: "192.0.2.4:5060"}},
		{"sip:bob@a.example;transport=ws", flow.WSS, way{Name: "a.example"}},
	} {
		u, err := wire.ParseURI([]byte(tt.uri))
		if err != nil {
			t.Fatalf("%s: %v", tt.uri, err)
		}
		to, ok := URIDestination(&u, tt.over)
		got := way{Name: to.Host, OK: ok}
		if to.Host == "" {
			got.To = to.Addr.String()
		}
		if d := cmp.Diff(tt.want, got); d != "" || to.Transport != tt.over {
			t.Errorf("%s over %v: %s", tt.uri, to.Transport, d)
		}
	}
}

// TestRFC5922_4_ServerName: whatever leads there, it is the host of the URI that has to
// answer.
func TestRFC5922_4_ServerName(t *testing.T) {
	for uri, want := range map[string]string{
		"sips:bob@A.Example.": "a.example", "sips:bob@a.example;maddr=192.0.2.1": "a.example", "sips:bob@a.example;maddr=b.example": "a.example",
		"sips:bob@192.0.2.1": "", "sips:bob@[2001:db8::1]:5061": "", "sips:bob@192.0.2.1;maddr=b.example": "",
	} {
		u, err := wire.ParseURI([]byte(uri))
		if err != nil {
			t.Fatal(err)
		}
		if to, ok := URIDestination(&u, flow.TLS); !ok || to.ServerName != want {
			t.Errorf("%s: %q, want %q", uri, to.ServerName, want)
		}
		if to, _ := URIDestination(&u, flow.TCP); to.ServerName != "" && to.By != resolve.Rules { // DNS may have TLS for it
			t.Errorf("%s, over TCP: %q", uri, to.ServerName)
		}
	}
}

// TestRFC3263_4_1_TransportOfAURI: where all are served, and where only the one named
// first is not.
func TestRFC3263_4_1_TransportOfAURI(t *testing.T) {
	all := func(flow.Transport) bool { return true }
	for want, uris := range map[string][]string{
		"UDP": {"sip:a@b", "sip:a@b;transport=udp", "SIP:a@b;Transport=UDP;lr", "sip:a@b;transport", "sip:a@b;transport=", "sip:a@b;transport=%75D%70", "sip:a@b;x=tls", "sip:a@192.0.2.1:5061"},
		"TCP": {"sip:a@b;transport=tcp", "sip:a@b;%74ransport=tcp", "sip:a@b;lr;transport=TCP"},
		// RFC 3261 26.2.2, RFC 5630 3.1.4: a SIPS URI with what stands below TLS
		"TLS": {"sips:a@b", "SIPS:a@b;transport=tcp", "sips:a@b;transport=tls", "sip:a@b;transport=t%6cs", "sip:a@b;lr;transport=TLS"},
		// RFC 7118 5.2.2: of WebSocket, secure or not, the parameter is ws
		"WS":  {"sip:a@b.invalid;transport=ws", "sip:a@b;transport=WS"},
		"WSS": {"sips:a@b.invalid;transport=ws", "sips:a@b;transport=wss", "sip:a@b;transport=wss"},
		"": {
			"sip:a@b;transport=%2575dp", "sip:a@b;transport=sctp", "sip:a@b;transport=other", "sips:a@b;transport=udp", "sips:a@b;transport=sctp",
			"sips:a@b;transport=tls-sctp", "tel:+1201", "tel:+1201;transport=tcp", "mailto:a@b",
		},
	} {
		for _, uri := range uris {
			u, err := wire.ParseURI([]byte(uri))
			if err != nil {
				t.Fatalf("%s: %v", uri, err)
			}
			got, ok := Of(&u, all)
			if ok != (want != "") || ok && got.String() != want {
				t.Errorf("%s: %v, %v, want %q", uri, got, ok, want)
			}
			name, _ := u.Param("transport")
			open := want == "UDP" && len(name) == 0 && !u.HasPort // DNS may have another for it
			if other, ok := Of(&u, func(t flow.Transport) bool { return t.String() != want }); ok != open {
				t.Errorf("%s: %v, as %s is not served", uri, other, want)
			}
		}
	}
}

// TestRFC3263_4_1_WhereUDPIsNotServed: a name that leaves the transport open may be reached
// over another one, an address or a port not.
func TestRFC3263_4_1_WhereUDPIsNotServed(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:a@b.example": "TCP", "sip:a@192.0.2.1;maddr=b.example": "TCP", "sip:a@b.example:5060": "", "sip:a@192.0.2.1": "",
		"sip:a@b.example;maddr=192.0.2.1": "", "sip:a@b.example;transport=udp": "",
	} {
		u, err := wire.ParseURI([]byte(uri))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := Of(&u, func(t flow.Transport) bool { return t != flow.UDP })
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v, %v, want %q", uri, got, ok, want)
		}
		if got, ok := Of(&u, func(t flow.Transport) bool { return t == flow.TLS }); ok != (want != "") || ok && got != flow.TLS {
			t.Errorf("%s, TLS alone: %v, %v", uri, got, ok)
		}
	}
}

func TestIsInvalid(t *testing.T) {
	for host, want := range map[string]bool{
		"df7jal23ls0d.invalid": true, "A.INVALID": true, "a.Invalid.": true, "invalid": false, "a.invalid.example": false, "192.0.2.1": false, "[::1]": false,
	} {
		if got := IsInvalid([]byte(host)); got != want {
			t.Errorf("%s: %v", host, got)
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

package wire

import (
	"fmt"
	"testing"
)

func TestParseVia(t *testing.T) {
	for in, want := range map[string]string{
		"SIP/2.0/UDP h": `UDP h:0,false "" "" "" rport=0,false ttl=`,
		"SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1": `UDP first.example.com:4000,true "z9hG4bKa7c6a8dlze.1" "" "224.2.0.1" rport=0,false ttl=16`,
		"SIP/2.0/TLS [2001:db8::1] : 5061 ; Branch = z9 ; rport":                                      `TLS [2001:db8::1]:5061,true "z9" "" "" rport=0,true ttl=`,
		"SIP/2.0/UDP h;rport=4000;received=192.0.2.1;branch=a":                                        `UDP h:0,false "a" "192.0.2.1" "" rport=4000,true ttl=`,
		"SIP/2.0/UDP h;received=[::1];rport=":                                                         `UDP h:0,false "" "[::1]" "" rport=0,true ttl=`,
		"SIP\r\n / 2.0/\tWS\r\n df7jal23ls0d.invalid\r\n ;branch=z":                                   `WS df7jal23ls0d.invalid:0,false "z" "" "" rport=0,false ttl=`,
		`SIP/2.0/UDP h;x="a,;b\"c";branch=z`:                                                          `UDP h:0,false "z" "" "" rport=0,false ttl=`,
		"SIP/2.0/UDP [fe80::1%4]:5070;branch=z":                                                       `UDP [fe80::1%4]:5070,true "z" "" "" rport=0,false ttl=`,
		"SIP/2.0/UDP fe80::1%p2p0:5070;branch=z":                                                      `UDP fe80::1%p2p0:5070,true "z" "" "" rport=0,false ttl=`,
		"SIP/2.0/UDP fe80::1;branch=z":                                                                `UDP fe80::1:0,false "z" "" "" rport=0,false ttl=`,
		"SIP/2.0/UDP 1:2:3:4:5:6:7:8 : 5070;branch=z":                                                 `UDP 1:2:3:4:5:6:7:8:5070,true "z" "" "" rport=0,false ttl=`,
		"SIP/2.0/UDP h;branch=z;":                                                                     `UDP h:0,false "z" "" "" rport=0,false ttl=`,
	} {
		v, err := ParseVia([]byte(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		rport, hasRPort := v.RPort()
		maddr, _ := v.Param("maddr")
		ttl, _ := v.Param("ttl")
		got := fmt.Sprintf("%s %s:%d,%v %q %q %q rport=%d,%v ttl=%s", v.Transport, v.Host, v.Port, v.HasPort, v.Branch(), v.Received(), maddr, rport, hasRPort, ttl)
		if got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func TestParseViaRefuses(t *testing.T) {
	for _, in := range []string{
		"", "SIP", "SIP/2.0", "SIP/2.0/", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDP;branch=a", "SIP/2.0/UDP ;branch=a", "SIP/2.0 UDP h",
		"/2.0/UDP h", "SIP//UDP h", "SIP/2.0// h", "SIP/2.0/UDP[::1]", "SIP/2.0/UDP h i", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h:0",
		"SIP/2.0/UDP h:65536", "SIP/2.0/UDP [::1", "SIP/2.0/UDP h;;branch=a", "SIP/2.0/UDP h;=a", "SIP/2.0/UDP h;branch=a b",
		`SIP/2.0/UDP h;x="a`, "SIP/2.0/UDP h;branch=a;branch=b", "SIP/2.0/UDP h;received=1.1.1.1;Received=2.2.2.2", "SIP/2.0/UDP h;rport;rport",
		"SIP/2.0/UDP h;rport=x", "SIP/2.0/UDP h;rport=65536", "SIP/2.0/UDP h;ttl=256", "SIP/2.0/UDP h;ttl", "SIP/2.0/UDP h;maddr=a;maddr=b",
		"SIP/2.0/UDP h, SIP/2.0/UDP i", "SIP/2.0/UDP @h", "SIP/2.0/UDP a:b:5070", "SIP/2.0/UDP fe80::1%:5070", "SIP/2.0/UDP 1:2:3:4:5:6:7:8:70000",
	} {
		if v, err := ParseVia([]byte(in)); err == nil {
			t.Errorf("%q was taken: %+v", in, v)
		}
	}
}

// RFC 4475 3.1.2.1.
func TestParseViaTellsWhomToAnswer(t *testing.T) {
	for in, want := range map[string]string{
		"SIP/2.0/UDP 192.0.2.15;;,;,,":          "UDP 192.0.2.15 0 false",
		"SIP/2.0/UDP h:5070;branch=a;branch=b":  "UDP h 5070 true",
		"SIP/2.0/UDP h:5070;received=a;rport=x": "UDP h 5070 true",
		"SIP/2.0/UDP h i;branch=a":              "  0 false",
		"SIP/2.0/UDP h:x;branch=a":              "  0 false",
	} {
		v, err := ParseVia([]byte(in))
		got := fmt.Sprintf("%s %s %d %v", v.Transport, v.Host, v.Port, v.HasPort)
		if _, asked := v.RPort(); err == nil || got != want || v.Branch() != nil || v.Received() != nil || asked {
			t.Errorf("%q: %s, %v, want %s", in, got, err, want)
		}
	}
}

func TestTopAndSecondVia(t *testing.T) {
	for name, c := range map[string]struct{ headers, top, second string }{
		"none":     {"", "Missing Via", "Missing Via"},
		"one":      {"Via: SIP/2.0/UDP a\r\n", "a", "Missing Via"},
		"two":      {"Via: SIP/2.0/UDP a\r\nX: y\r\nv: SIP/2.0/UDP b\r\n", "a", "b"},
		"list":     {"Via: SIP/2.0/UDP a , SIP/2.0/UDP b\r\n", "a", "b"},
		"holes":    {"Via: , ,SIP/2.0/UDP a,,\r\nVia: \r\nVia:,\r\nVia: SIP/2.0/UDP b\r\n", "a", "b"},
		"bad top":  {"Via: x, SIP/2.0/UDP b\r\n", "Malformed Via", "b"},
		"bad next": {"Via: SIP/2.0/UDP a, x\r\n", "a", "Malformed Via"},
	} {
		m := mustScan(t, "OPTIONS sip:a SIP/2.0\r\n"+c.headers+"\r\n")
		host := func(v Via, err error) string {
			if err != nil {
				return asError(err).Reason
			}
			return string(v.Host)
		}
		if got := host(m.TopVia()); got != c.top {
			t.Errorf("%s: top %q", name, got)
		}
		if got := host(m.SecondVia()); got != c.second {
			t.Errorf("%s: second %q", name, got)
		}
	}
}

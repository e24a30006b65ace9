package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
)

const leastConfig = "cluster: a\ndomains: [example.com]\n"

func TestListenersIn(t *testing.T) {
	first := func(port int, advertise string) Listener {
		return Listener{Protocol: ProtocolUDP, Port: port, Advertise: advertise}
	}
	named := func(name string, port int, advertise string) Listener {
		return Listener{Name: name, Protocol: ProtocolUDP, Port: port, Advertise: advertise}
	}
	const two = "listeners: [{name: phones, port: 5062}, {name: trunks, port: 5070}]\n"
	for name, tt := range map[string]struct {
		config string
		set    *MemberSet
		want   []Listener
	}{
		"none":                      {"", nil, []Listener{first(5060, "")}},
		"ports.sip":                 {"ports: {sip: 5070}\nadvertise: sip.example.com\n", nil, []Listener{first(5070, "sip.example.com")}},
		"the set's":                 {"advertise: sip.example.com\n", &MemberSet{Advertise: "192.0.2.1"}, []Listener{first(5060, "192.0.2.1")}},
		"one by name":               {"listeners: [{name: a}]\n", nil, []Listener{named("a", 5060, "")}},
		"one at ports.sip":          {"listeners: [{name: a}]\nports: {sip: 5070}\n", nil, []Listener{named("a", 5070, "")}},
		"two, nothing advertised":   {two, &MemberSet{}, []Listener{named("phones", 5062, ""), named("trunks", 5070, "")}},
		"two, the first's host":     {two + "advertise: '[2001:db8::1]:5065'\n", nil, []Listener{named("phones", 5062, "[2001:db8::1]:5065"), named("trunks", 5070, "[2001:db8::1]:5070")}},
		"two, the set's first host": {two, &MemberSet{Advertise: "192.0.2.1:5065"}, []Listener{named("phones", 5062, "192.0.2.1:5065"), named("trunks", 5070, "192.0.2.1:5070")}},
		"two, each its own": {
			"advertise: a.example\nlisteners: [{name: phones, advertise: b.example}, {name: trunks, port: 5070, advertise: c.example}]\n",
			&MemberSet{Listeners: []ListenerAddress{{Name: "other", Advertise: "d.example"}}},
			[]Listener{named("phones", 5060, "b.example"), named("trunks", 5070, "c.example")},
		},
		"two, in another order by the set": {
			two, &MemberSet{Advertise: "192.0.2.1:5070", Listeners: []ListenerAddress{{Name: "phones", Advertise: "192.0.2.1:5062"}, {Name: "trunks", Advertise: "192.0.2.1:5070"}}},
			[]Listener{named("phones", 5062, "192.0.2.1:5062"), named("trunks", 5070, "192.0.2.1:5070")},
		},
		"two, each the set's": {
			"listeners: [{name: phones, advertise: b.example}, {name: trunks, port: 5070, advertise: c.example}]\n",
			&MemberSet{Advertise: "192.0.2.1", Listeners: []ListenerAddress{{Name: "trunks", Advertise: "198.51.100.1:5071"}}},
			[]Listener{named("phones", 5060, "192.0.2.1"), named("trunks", 5070, "198.51.100.1:5071")},
		},
	} {
		c, err := ParseConfig([]byte(leastConfig + tt.config))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, c.ListenersIn(tt.set)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if c.Ports.SIP != tt.want[0].Port {
			t.Errorf("%s: ports.sip is %d", name, c.Ports.SIP)
		}
	}
}

func TestListenersRefused(t *testing.T) {
	many := ""
	for i := range MaxListeners + 1 {
		many += fmt.Sprintf("{name: l%d, port: %d},", i, 5060+i)
	}
	for listeners, want := range map[string]string{
		"{port: 5060}": "listeners[0].name",
		"{name: " + strings.Repeat("a", 64) + "}":           "listeners[0].name",
		"{name: a}, {name: a, port: 5070}":                  `listeners[1].name: "a" is there twice`,
		"{name: a, protocol: SCTP}":                         `listeners[0].protocol: "SCTP" is not served, UDP, TCP, TLS, WS and WSS are`,
		"{name: a, protocol: udp}":                          `listeners[0].protocol: "udp" is not served`,
		"{name: a}, {name: b}":                              "listeners[1].port: port 5060 is already ports.sip",
		"{name: a}, {name: b, port: 65536}":                 "listeners[1].port: 65536 is not a port",
		"{name: a}, {name: b, port: 5060}":                  "listeners[1].port: port 5060 is already ports.sip",
		"{name: a}, {name: b, port: -1}":                    "listeners[1].port: -1 is not a port",
		"{name: a}, {name: b, port: 1}, {name: c, port: 1}": "listeners[2].port: port 1 is already listeners[1]",
		"{name: a, advertise: 'b:c'}":                       "listeners[0].advertise",
		many:                                                "9 of them, at most 8",
	} {
		if _, err := ParseConfig([]byte(leastConfig + "listeners: [" + listeners + "]\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", listeners, err, want)
		}
	}
	if _, err := ParseConfig([]byte(leastConfig + "ports: {sip: 5070}\nlisteners: [{name: a, port: 5080}]\n")); err == nil || !strings.Contains(err.Error(), "ports.sip is 5070") {
		t.Errorf("two ports of the first listener: %v", err)
	}
}

const (
	tls     = "tls: {certificates: [/c]}"
	allFive = "{name: udp}, {name: tcp, protocol: TCP}, {name: tls, protocol: TLS, " + tls + "}, {name: ws, protocol: WS}, {name: wss, protocol: WSS, " + tls + "}"
)

// TestListenersOfEachProtocol: what is absent is filled in as the protocol has it.
func TestListenersOfEachProtocol(t *testing.T) {
	c, err := ParseConfig([]byte(leastConfig + "advertise: sip.example.com\nlisteners: [" + allFive + "]\n"))
	if err != nil {
		t.Fatal(err)
	}
	secured := &ListenerTLS{Certificates: []string{"/c"}, MinVersion: "1.2", ClientAuth: "None"}
	want := []Listener{
		{Name: "udp", Protocol: "UDP", Port: 5060, Advertise: "sip.example.com"},
		{Name: "tcp", Protocol: "TCP", Port: 5060, Advertise: "sip.example.com:5060"},
		{Name: "tls", Protocol: "TLS", Port: 5061, Advertise: "sip.example.com:5061", TLS: secured},
		{Name: "ws", Protocol: "WS", Port: 8080, Advertise: "sip.example.com:8080", WebSocket: &ListenerWebSocket{Path: "/"}},
		{Name: "wss", Protocol: "WSS", Port: 8443, Advertise: "sip.example.com:8443", TLS: secured, WebSocket: &ListenerWebSocket{Path: "/"}},
	}
	got := c.ListenersIn(nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, transport := range []flow.Transport{flow.UDP, flow.TCP, flow.TLS, flow.WS, flow.WSS} {
		if got[i].Transport() != transport {
			t.Errorf("%s is %s", got[i].Name, got[i].Transport())
		}
	}
	if (&Listener{}).Transport() != flow.UDP {
		t.Error("a listener without a protocol is not of UDP")
	}
}

// TestFirstListenerHasPortsSIP: whatever its protocol.
func TestFirstListenerHasPortsSIP(t *testing.T) {
	for text, want := range map[string]int{
		"":                                      5060,
		"listeners: [{name: a, protocol: TCP}]": 5060,
		"listeners: [{name: a, protocol: TLS, " + tls + "}]":         5061,
		"listeners: [{name: a, protocol: WS}]":                       8080,
		"listeners: [{name: a, protocol: WSS, " + tls + "}]":         8443,
		"listeners: [{name: a, protocol: WS, port: 80}]":             80,
		"ports: {sip: 443}\nlisteners: [{name: a, protocol: WS}]":    443,
		"ports: {sip: 7947}":                                         7947, // UDP's, beside the peers' of TCP
		"listeners: [{name: a, port: 9090}, {name: b, port: 7948}]":  9090,
		"listeners: [{name: a, protocol: TCP}, {name: b, port: 53}]": 5060,
	} {
		c, err := ParseConfig([]byte(leastConfig + text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if l := c.ListenersIn(nil); c.Ports.SIP != want || l[0].Port != want {
			t.Errorf("%q: ports.sip is %d, the listener's %d, want %d", text, c.Ports.SIP, l[0].Port, want)
		}
	}
}

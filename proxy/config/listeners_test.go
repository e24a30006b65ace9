package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		"{name: a, protocol: TCP}":                          `listeners[0].protocol: "TCP" is not served, UDP is`,
		"{name: a}, {name: b}":                              "listeners[1].port: 0 is not a port",
		"{name: a}, {name: b, port: 65536}":                 "listeners[1].port: 65536 is not a port",
		"{name: a}, {name: b, port: 5060}":                  "listeners[1].port: port 5060 is already ports.sip",
		"{name: a}, {name: b, port: 7947}":                  "listeners[1].port: port 7947 is already ports.peer",
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

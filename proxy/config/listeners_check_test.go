package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestListenersOfTCPRefused(t *testing.T) {
	many := func(n int, text string) string { return strings.Repeat(text+",", n) }
	for listeners, want := range map[string]string{
		"{name: a, protocol: TCP, port: 7947}":                                               "ports.peer: port 7947 is already ports.sip",
		"{name: a}, {name: b, protocol: TCP, port: 7947}":                                    "listeners[1].port: port 7947 is already ports.peer",
		"{name: a}, {name: b, protocol: WS, port: 7948}":                                     "listeners[1].port: port 7948 is already ports.health",
		"{name: a}, {name: b, protocol: WSS, port: 9090, " + tls + "}":                       "listeners[1].port: port 9090 is already ports.admin",
		"{name: a, protocol: TCP}, {name: b, protocol: WS, port: 5060}":                      "listeners[1].port: port 5060 is already ports.sip",
		"{name: a}, {name: b, protocol: TCP}, {name: c, protocol: TCP}":                      "listeners[2].port: port 5060 is already listeners[1]",
		"{name: a, protocol: TLS}":                                                           "listeners[0].tls: is missing: TLS needs a certificate",
		"{name: a, protocol: WSS}":                                                           "listeners[0].tls: is missing",
		"{name: a, " + tls + "}":                                                             "listeners[0].tls: protocol UDP has none",
		"{name: a, protocol: TCP, " + tls + "}":                                              "listeners[0].tls: protocol TCP has none",
		"{name: a, protocol: WS, " + tls + "}":                                               "listeners[0].tls: protocol WS has none",
		"{name: a, webSocket: {}}":                                                           "listeners[0].webSocket: protocol UDP has none",
		"{name: a, protocol: TLS, webSocket: {}, " + tls + "}":                               "listeners[0].webSocket: protocol TLS has none",
		"{name: a, proxyProtocol: [192.0.2.0/24]}":                                           "listeners[0].proxyProtocol: protocol UDP has none",
		"{name: a, udpFlows: Some}":                                                          `listeners[0].udpFlows: "Some" is none of Auto, Owned and Any`,
		"{name: a, protocol: TCP, udpFlows: Any}":                                            "listeners[0].udpFlows: protocol TCP has none",
		"{name: a, protocol: TCP, proxyProtocol: [192.0.2.1]}":                               `listeners[0].proxyProtocol: "192.0.2.1" is not a prefix`,
		"{name: a, protocol: TCP, proxyProtocol: [192.0.2.1/24]}":                            "is not a prefix",
		"{name: a, protocol: TCP, proxyProtocol: ['::ffff:192.0.2.0/120']}":                  "is not a prefix",
		"{name: a, protocol: TCP, proxyProtocol: [" + many(65, "'::/0'") + "]}":              "65 of them, at most 64",
		"{name: a, protocol: WS, webSocket: {path: ws}}":                                     `listeners[0].webSocket.path: "ws" is not a path`,
		"{name: a, protocol: WS, webSocket: {path: '/a?b'}}":                                 "webSocket.path",
		"{name: a, protocol: WS, webSocket: {path: '/a b'}}":                                 "webSocket.path",
		"{name: a, protocol: WS, webSocket: {path: " + strings.Repeat("/a", 128) + "}}":      "webSocket.path",
		"{name: a, protocol: WS, webSocket: {origins: ['']}}":                                "listeners[0].webSocket.origins[0]",
		"{name: a, protocol: WS, webSocket: {origins: [a.example]}}":                         "webSocket.origins[0]",
		"{name: a, protocol: WS, webSocket: {origins: ['https://a.example/']}}":              "webSocket.origins[0]",
		"{name: a, protocol: WS, webSocket: {origins: ['https://A.example']}}":               "webSocket.origins[0]",
		"{name: a, protocol: WS, webSocket: {origins: ['https://u@a.example']}}":             "webSocket.origins[0]",
		"{name: a, protocol: WS, webSocket: {origins: [" + many(65, "'https://a.b'") + "]}}": "65 of them, at most 64",
	} {
		if _, err := ParseConfig([]byte(leastConfig + "listeners: [" + listeners + "]\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", listeners, err, want)
		}
	}
}

func TestListenerTLSRefused(t *testing.T) {
	seventeen := ""
	for i := range MaxCertificates + 1 {
		seventeen += fmt.Sprintf("/c%d,", i)
	}
	for tls, want := range map[string]string{
		"":                                      "tls.certificates: there must be one at least",
		"certificates: ['']":                    "tls.certificates[0]: an empty name",
		"certificates: [/a, /b, /a]":            `tls.certificates[2]: "/a" is there twice`,
		"certificates: [" + seventeen + "]":     "tls.certificates: 17 of them, at most 16",
		"certificates: [/a], minVersion: '1.1'": `tls.minVersion: "1.1" is not 1.2 or 1.3`,

		"certificates: [/a], clientAuth: Sometimes":          `tls.clientAuth: "Sometimes" is not None, Optional or Require`,
		"certificates: [/a], clientAuth: Require":            "tls.clientCA: is missing: clientAuth Require needs it",
		"certificates: [/a], clientCA: /b":                   "tls.clientAuth: no client is asked",
		"certificates: [/a], clientNames: [a.example]":       "tls.clientAuth: no client is asked",
		"certificates: [/a], clientAuth: None, clientCA: /b": "tls.clientAuth: no client is asked",

		"certificates: [/a], clientAuth: Require, clientCA: /b, clientNames: ['']":                                           `tls.clientNames[0]: "" is not a domain`,
		"certificates: [/a], clientAuth: Require, clientCA: /b, clientNames: ['*.example.com']":                              "tls.clientNames[0]",
		"certificates: [/a], clientAuth: Require, clientCA: /b, clientNames: [a.example, 'sip:']":                            "tls.clientNames[1]",
		"certificates: [/a], clientAuth: Require, clientCA: /b, clientNames: ['a.example:5061']":                             "tls.clientNames[0]",
		"certificates: [/a], clientAuth: Require, clientCA: /b, clientNames: [a@b.example]":                                  "tls.clientNames[0]",
		"certificates: [/a], clientAuth: Require, clientCA: /b, clientNames: [" + strings.Repeat("a.example,", 65) + "]":     "65 of them, at most 64",
		"certificates: [/a], clientAuth: Optional, clientCA: /b, clientNames: [" + strings.Repeat("a", maxClientName) + "a]": "tls.clientNames[0]",
	} {
		if _, err := ParseConfig([]byte(leastConfig + "listeners: [{name: a, protocol: TLS, tls: {" + tls + "}}]\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", tls, err, want)
		}
	}
	const good = "certificates: [/a, /b], minVersion: '1.3', clientAuth: Optional, clientCA: /c, clientNames: [trunk.example.net, 'sip:trunk@example.com', 'spiffe://a/b']"
	if _, err := ParseConfig([]byte(leastConfig + "listeners: [{name: a, protocol: TLS, proxyProtocol: ['192.0.2.0/24', '2001:db8::/32'], tls: {" + good + "}}]\n")); err != nil {
		t.Error(err)
	}
}

// TestListenerEqualLooksAtEverything: a field that is added and forgotten there would be
// taken over, or not, without anybody being told.
func TestListenerEqualLooksAtEverything(t *testing.T) {
	listener := func() *Listener {
		return &Listener{
			Name: "a", Protocol: ProtocolWSS, Port: 1, Advertise: "b", ProxyProtocol: []string{"::/0"},
			TLS:       &ListenerTLS{Certificates: []string{"/c"}, MinVersion: "1.2", ClientCA: "/d", ClientAuth: "Require", ClientNames: []string{"e"}},
			WebSocket: &ListenerWebSocket{Path: "/", Origins: []string{"https://f"}},
		}
	}
	if !listener().Equal(listener()) {
		t.Fatal("a listener is not the same as its copy")
	}
	for part, of := range map[string]func(*Listener) reflect.Value{
		"":           func(l *Listener) reflect.Value { return reflect.ValueOf(l).Elem() },
		"tls.":       func(l *Listener) reflect.Value { return reflect.ValueOf(l.TLS).Elem() },
		"webSocket.": func(l *Listener) reflect.Value { return reflect.ValueOf(l.WebSocket).Elem() },
	} {
		for i := range of(listener()).NumField() {
			changed, name := listener(), part+of(listener()).Type().Field(i).Name
			if !change(of(changed).Field(i)) {
				t.Fatalf("%s: no way to change it", name)
			}
			if changed.Equal(listener()) || listener().Equal(changed) {
				t.Errorf("%s makes no difference", name)
			}
		}
	}
}

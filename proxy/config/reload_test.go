package config

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReloadTakesWhatCanChangeAndNamesTheRest(t *testing.T) {
	parse := func(text string) *Config {
		t.Helper()
		c, err := ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	running := parse("{cluster: a, domains: [a.example]}")
	tests := map[string]struct {
		next, want string
		waiting    []string
	}{
		"nothing": {next: "{cluster: a, domains: [a.example]}", want: "{cluster: a, domains: [a.example]}"},
		"what can change": {
			next: "{cluster: a, domains: [a.example, b.example], aliases: [c.example], advertise: sip.example, logLevel: debug, drainSeconds: 5, registrar: {minExpires: 10, maxExpires: 100}, egress: {contacts: Any, deny: [10.0.0.0/8]}, limits: {trusted: [192.0.2.0/24]}, tokenHours: 2}",
			want: "{cluster: a, domains: [a.example, b.example], aliases: [c.example], advertise: sip.example, logLevel: debug, drainSeconds: 5, registrar: {minExpires: 10, maxExpires: 100}, egress: {contacts: Any, deny: [10.0.0.0/8]}, limits: {trusted: [192.0.2.0/24]}, tokenHours: 2}",
		},
		"what is the default, written out": {
			next: "{cluster: a, domains: [a.example], limits: {newPerSecond: 500, connections: {total: 20000}}}", want: "{cluster: a, domains: [a.example]}",
		},
		"who may register and call": {
			next: "{cluster: a, domains: [a.example], authentication: {credentials: {files: [/a]}, outside: Allow}}",
			want: "{cluster: a, domains: [a.example], authentication: {credentials: {files: [/a]}, outside: Allow}}",
		},
		"what cannot": {
			next:    "{cluster: b, domains: [b.example], ports: {sip: 5070, admin: 9091}, registrar: {maxContacts: 3}, limits: {newPerSecond: 1, messagesPerSecond: 2, connections: {total: 3, perSource: 4, newPerSecond: 5}}, maxTransactions: 1, maxRingSeconds: 5, udpLoops: 1, profiling: true}",
			want:    "{cluster: a, domains: [b.example]}",
			waiting: []string{"cluster", "ports.sip", "ports.admin", "registrar.maxContacts", "limits.newPerSecond", "limits.messagesPerSecond", "limits.connections.total", "limits.connections.perSource", "limits.connections.newPerSecond", "maxTransactions", "maxRingSeconds", "udpLoops", "profiling"},
		},
	}
	two := func(port int, advertise string) string {
		return fmt.Sprintf("{cluster: a, domains: [a.example], listeners: [{name: a}, {name: b, port: %d, advertise: %s}]}", port, advertise)
	}
	for name, tt := range map[string]struct {
		next, want string
		waiting    []string
	}{
		"a listener's address": {next: two(5070, "b.example"), want: two(5070, "b.example")},
		"a listener's port":    {next: two(5080, "b.example"), want: two(5070, "a.example"), waiting: []string{"listeners"}},
	} {
		now, waiting := parse(two(5070, "a.example")).Reload(parse(tt.next))
		if diff := cmp.Diff(parse(tt.want), now) + cmp.Diff(tt.waiting, waiting); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	secure := func(advertise, more string) string {
		return fmt.Sprintf("{cluster: a, domains: [a.example], listeners: [{name: a, protocol: WSS, advertise: %s, %s}]}", advertise, more)
	}
	const first = "tls: {certificates: [/a]}"
	for name, tt := range map[string]struct {
		next, want string
		waiting    []string
	}{
		"the address of one of WSS":    {next: secure("b.example", first), want: secure("b.example", first)},
		"the same, written out":        {next: secure("a.example", first+", port: 8443, webSocket: {path: /}"), want: secure("a.example", first)},
		"certificates":                 {next: secure("b.example", "tls: {certificates: [/a, /b]}"), want: secure("a.example", first), waiting: []string{"listeners"}},
		"origins":                      {next: secure("b.example", first+", webSocket: {origins: ['https://c']}"), want: secure("a.example", first), waiting: []string{"listeners"}},
		"who begins with PROXY":        {next: secure("b.example", first+", proxyProtocol: ['::/0']"), want: secure("a.example", first), waiting: []string{"listeners"}},
		"another protocol on the port": {next: "{cluster: a, domains: [a.example], listeners: [{name: a, protocol: TCP, port: 8443}]}", want: secure("a.example", first), waiting: []string{"listeners"}},
	} {
		now, waiting := parse(secure("a.example", first)).Reload(parse(tt.next))
		if diff := cmp.Diff(parse(tt.want), now) + cmp.Diff(tt.waiting, waiting); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now, waiting := running.Reload(parse(tt.next))
			if diff := cmp.Diff(parse(tt.want), now); diff != "" {
				t.Errorf("configuration in force (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.waiting, waiting); diff != "" {
				t.Errorf("fields that wait for a start (-want +got):\n%s", diff)
			}
		})
	}
}

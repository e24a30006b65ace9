package config

import (
	"fmt"
	"strings"
	"testing"
)

// Limits that are left out are the defaults; what no proxy could hold to is refused, with
// its name.
func TestLimits(t *testing.T) {
	defaults := ConnectionLimits{Total: 20_000, PerSource: 2_000, NewPerSecond: 100}
	for text, want := range map[string]ConnectionLimits{
		"{}":                defaults,
		"{connections: {}}": defaults,
		"{connections: {total: 20000, perSource: 2000, newPerSecond: 100}}":    defaults,
		"{connections: {perSource: 50}}":                                       {Total: 20_000, PerSource: 50, NewPerSecond: 100},
		"{connections: {total: 1, perSource: 1000000, newPerSecond: 1000000}}": {Total: 1, PerSource: 1_000_000, NewPerSecond: 1_000_000},
	} {
		c, err := ParseConfig(fmt.Appendf(nil, "{cluster: a, domains: [b], limits: %s}", text))
		if err != nil || c.Limits.Connections.WithDefaults() != want {
			t.Errorf("%s: %+v, %v", text, c.Limits.Connections, err)
		}
		if want == defaults && c.Limits.Connections != (ConnectionLimits{}) {
			t.Errorf("%s: the defaults are written out: %+v", text, c.Limits.Connections)
		}
	}
	for text, want := range map[string]string{
		"{newPerSecond: -1}":                     "limits.newPerSecond: -1 is not in 1..1000000",
		"{messagesPerSecond: 1000001}":           "limits.messagesPerSecond: 1000001 is not in 1..1000000",
		"{connections: {total: -1}}":             "limits.connections.total: -1 is not in 1..1000000",
		"{connections: {total: 1000001}}":        "limits.connections.total: 1000001 ",
		"{connections: {perSource: -2}}":         "limits.connections.perSource: -2 ",
		"{connections: {newPerSecond: 1000001}}": "limits.connections.newPerSecond: 1000001 ",
		"{connections: {total: many}}":           "total",
		"{connections: {Total: 1, total: 2}}":    "limits.connections.Total and total are one field",
	} {
		if _, err := ParseConfig(fmt.Appendf(nil, "{cluster: a, domains: [b], limits: %s}", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

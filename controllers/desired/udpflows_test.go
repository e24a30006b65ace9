package desired

import "testing"

// What a listener of UDP says of its flows reaches the proxies, also where there is no other
// listener. Where it says nothing their configuration is as before there was such a field.
func TestUDPFlowsReachTheProxies(t *testing.T) {
	for spec, want := range map[string][]string{
		"replicas: 3": nil,
		"listeners: [{name: sip, protocol: UDP}]":                                          nil,
		"listeners: [{name: sip, protocol: UDP, udpFlows: Any}]":                           {"Any"},
		"listeners: [{name: a, protocol: UDP, udpFlows: Owned}, {name: b, protocol: TCP}]": {"Owned", ""},
	} {
		c := must(Config(ring(t, spec)))
		var got []string
		for _, l := range c.Listeners {
			got = append(got, l.UDPFlows)
		}
		if len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}

package targets

import (
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
)

// TestRFC3261_18_1_1_LargeRequestsGoByTCP: where the URI leaves it open and TCP is served,
// with UDP to fall back to.
func TestRFC3261_18_1_1_LargeRequestsGoByTCP(t *testing.T) {
	both, udp := everywhere(t, "UDP", "TCP"), everywhere(t, "UDP", "TLS")
	of := func(u location.Update) Target {
		list := AppendBindings(nil, record(t, u), now+10, both, routing.Callee{})
		if len(list) != 1 {
			t.Fatalf("%d targets", len(list))
		}
		return list[0]
	}
	dialog := func(callee flow.Flow, nat bool, uri string) Target {
		target, _ := OfDialog(nil, &routing.Decision{Token: &token.Token{Callee: callee, CalleeNAT: nat, Made: 1}, ToCallee: true, RequestURI: []byte(uri)}, both, false)
		return target
	}
	moved := dialog(behindNAT, true, "sip:bob@10.0.0.4")
	if !moved.Move(record(t, registered("sip:bob@192.0.2.4", "")), now+10, both, []byte("sip:bob@192.0.2.4")) {
		t.Fatal("not moved")
	}
	for name, tt := range map[string]struct {
		target Target
		tables *routing.Tables
		size   int
		want   flow.Transport
	}{
		"large":                        {of(registered("sip:bob@192.0.2.4", "")), both, 1300, flow.TCP},
		"large when it leaves":         {of(registered("sip:bob@192.0.2.4", "")), both, maxDatagram - added + 1, flow.TCP},
		"small":                        {of(registered("sip:bob@192.0.2.4", "")), both, maxDatagram - added, flow.UDP},
		"by name":                      {of(registered("sip:bob@a.example", "")), both, 4000, flow.TCP},
		"a URI of UDP":                 {of(registered("sip:bob@192.0.2.4;transport=udp", "")), both, 4000, flow.UDP},
		"behind NAT":                   {of(flowed("sip:bob@10.0.0.4", behindNAT)), both, 4000, flow.UDP},
		"over a connection":            {of(flowed("sip:bob@10.0.0.4", over(flow.TLS, 7))), both, 4000, flow.TLS},
		"TCP is not served":            {of(registered("sip:bob@192.0.2.4", "")), udp, 4000, flow.UDP},
		"by a Path":                    {of(pathed("sip:bob@10.0.0.4", "<sip:192.0.2.1;lr>", flow.Flow{})), both, 4000, flow.TCP},
		"by a Path of UDP":             {of(pathed("sip:bob@10.0.0.4", "<sip:192.0.2.1;lr;transport=udp>", flow.Flow{})), both, 4000, flow.UDP},
		"within a dialog":              {dialog(flow.OverUDP(behindNAT.Remote), false, "sip:bob@203.0.113.9"), both, 4000, flow.TCP},
		"within a dialog behind NAT":   {dialog(behindNAT, true, "sip:bob@10.0.0.4"), both, 4000, flow.UDP},
		"within a dialog, elsewhere":   {dialog(behindNAT, false, "sip:bob@192.0.2.66"), both, 4000, flow.UDP},
		"one that has moved":           {moved, both, 4000, flow.TCP},
		"what is not reached is not":   {changed(of(registered("sip:bob@192.0.2.4", "")), func(t *Target) { t.Failed = true }), both, 4000, flow.UDP},
		"a URI of TCP, however large":  {of(registered("sip:bob@192.0.2.4;transport=tcp", "")), both, 4000, flow.TCP},
		"a strict router in the Route": {of(pathed("sip:bob@10.0.0.4", "<sip:192.0.2.1>", flow.Flow{})), both, 4000, flow.TCP},
	} {
		list := []Target{tt.target}
		name0 := string(list[0].AppendName(nil, nil))
		PreferTCP(list, tt.size, tt.tables)
		got := &list[0]
		preferred := tt.want == flow.TCP && tt.target.To.Transport == flow.UDP
		if got.To.Transport != tt.want || got.OrUDP != preferred || string(got.AppendName(nil, nil)) != name0 {
			t.Errorf("%s: %+v", name, got)
		}
		if fell := got.FallBack(); fell != preferred || fell && got.To.Transport != flow.UDP || got.FallBack() {
			t.Errorf("%s, refused: %v, %v", name, fell, got.To.Transport)
		}
	}
}

func changed(t Target, change func(*Target)) Target {
	change(&t)
	return t
}

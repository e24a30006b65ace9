package forward

import (
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

func TestIsInvalid(t *testing.T) {
	for host, want := range map[string]bool{
		"df7jal23ls0d.invalid": true, "A.INVALID": true, "a.Invalid.": true, "invalid": false, "a.invalid.example": false, "192.0.2.1": false, "[::1]": false,
	} {
		if got := isInvalid([]byte(host)); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

// Requests within a dialog go to its caller by way of whoever sent the INVITE: over
// that very flow where the caller is behind NAT and sent it itself.
func TestCallerWay(t *testing.T) {
	r := newRig(t)
	for name, tt := range map[string]struct {
		via, more string
		want      string
		nat       bool
	}{
		"a phone":                          {"192.0.2.10:5062;rport", "", "192.0.2.10:40000", false},
		"one that wants no rport":          {"192.0.2.10:5062", "", "192.0.2.10:5062", false},
		"behind NAT":                       {"10.0.0.10:5062", "", "192.0.2.10:40000", true},
		"a proxy before it":                {"192.0.2.10:5062", "Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bKb\n", "192.0.2.10:5062", false},
		"a proxy behind NAT before it":     {"10.0.0.1:5062", "Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bKb\n", "192.0.2.10:40000", false},
		"a proxy that hides it behind NAT": {"10.0.0.1:5062", "Record-Route: <sip:10.0.0.1;lr>\n", "192.0.2.10:40000", false},
	} {
		req := r.request("INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP "+tt.via+";branch=z9hG4bKa\n"+tt.more+
			"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>\nCall-ID: c\nCSeq: 1 INVITE\n\n", "192.0.2.10:40000")
		if way, nat := req.callerWay(); !way.Equal(flow.OverUDP(address(tt.want))) || nat != tt.nat {
			t.Errorf("%s: %s, behind NAT %v; want %s, %v", name, way.Remote, nat, tt.want, tt.nat)
		}
	}
}

package forward

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// TestGoldenApplications: what goes to an application names the proxy as it is reached in
// the pod, and what that one begins has it below the cluster's own (RFC 5658 5). Who has
// proved to call is told even where privacy is asked for: the application is ours.
func TestGoldenApplications(t *testing.T) {
	app := flow.ToLocal(4, 5080)
	to := targets.Target{Held: app, Next: app, AOR: []byte("sip:bob@example.com"), Group: 1}
	forged := change(invite, "\nMax-Forwards", "\nx-original-request-uri: <sip:mallory@example.com>\nPrivacy: id\nMax-Forwards")
	for name, tt := range map[string]struct {
		app      config.LocalApp
		text     string
		came     flow.Flow
		to       targets.Target
		identity string
	}{
		"application":         {config.LocalApp{Port: 5080, ProxyPort: 5070}, invite, flow.OverUDP(address("192.0.2.10:5062")), to, ""},
		"application-header":  {config.LocalApp{Port: 5080, Original: config.OriginalHeader}, forged, flow.OverUDP(address("192.0.2.10:5062")), to, "sip:alice@example.com"},
		"application-history": {config.LocalApp{Port: 5080, Protocol: "TCP", Original: config.OriginalHistoryInfo}, invite, flow.OverUDP(address("192.0.2.10:5062")), to, ""},
		"application-calls":   {config.LocalApp{Port: 5080}, change(invite, "192.0.2.10:5062", "127.0.0.1:5080"), flow.ToLocal(3, 40000), one("sip:bob@198.51.100.7:5070", "198.51.100.7:5070"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigBeside(t, &tt.app, nil, nil)
			req := r.request(tt.text, "192.0.2.10:5062")
			req.From, req.Back = tt.came, tt.came
			req.Decision.Identity, req.Decision.Authenticated = []byte(tt.identity), tt.identity != ""
			req.Decision.Private, req.Decision.Trusts = true, func(netip.Addr) bool { return false }
			golden(t, name, r.leaves(req, []targets.Target{tt.to}))
		})
	}
}

// TestLocalHop: the way back to an application is proved, and is not that to what is at
// the same address and port in another pod, or is the member's own.
func TestLocalHop(t *testing.T) {
	r := newRigBeside(t, &config.LocalApp{Port: 5080}, nil, nil)
	req := r.over(change(invite, "192.0.2.10:5062", "127.0.0.1:5080"), flow.ToLocal(3, 5080))
	list := []targets.Target{one("sip:bob@198.51.100.7:5070", "198.51.100.7:5070")}
	if !targets.Share(list, 60) {
		t.Fatal("no breadth")
	}
	var b Builder
	_, fork := b.Fork(nil, nil, r.names, req, token.TxID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, list)
	m := &wire.Message{}
	if err := m.Scan(fork[0].Bytes, nil); err != nil {
		t.Fatal(err)
	}
	via, err := m.TopVia()
	if err != nil {
		t.Fatal(err)
	}
	tx := token.TxID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	if _, ok := r.names.Hop(&via, tx, address("127.0.0.1:5080")); ok || !r.names.LocalHop(&via, tx, 5080) || r.names.LocalHop(&via, tx, 5081) {
		t.Errorf("hop of %s", via.Host)
	}
}

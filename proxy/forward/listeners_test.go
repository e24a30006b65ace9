package forward

import (
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
)

// over is a target that is reached by a listener.
func over(uri, next string, listener uint16) targets.Target {
	return with(one(uri, next), func(t *targets.Target) { t.Next.Listener = listener })
}

// TestGoldenListeners: what leaves names the listener by which it does, and a dialog
// between two of them both (RFC 5658 5).
func TestGoldenListeners(t *testing.T) {
	r := newRigOf(t, config.Listener{Name: "phones"}, config.Listener{Name: "trunks", Port: 5070, Advertise: "192.0.2.200:5071"})
	notify := r.within(change(invite, "INVITE", "NOTIFY", "sip:bob@example.com SIP", "sip:bob@198.51.100.7:5070 SIP"),
		&token.Token{}, ", <sip:192.0.2.200:5071;lr>")
	for name, tt := range map[string]struct {
		text          string
		came, leaving uint16
	}{
		"listeners-same":      {invite, 5070, 5070},
		"listeners-invite":    {invite, 5060, 5070},
		"listeners-back":      {invite, 5070, 5060},
		"listeners-gone":      {invite, 5060, 5080},
		"listeners-notify":    {notify, 5070, 5060},
		"listeners-message":   {change(invite, "INVITE", "MESSAGE"), 5060, 5070},
		"listeners-untouched": {change(notify, "NOTIFY", "INFO"), 5060, 5070},
	} {
		t.Run(name, func(t *testing.T) {
			req := r.request(tt.text, "192.0.2.10:5062")
			req.From.Listener, req.Back.Listener = tt.came, tt.came
			golden(t, name, r.leaves(req, []targets.Target{over("sip:bob@198.51.100.7:5070", "198.51.100.7:5070", tt.leaving)}))
		})
	}
}

// Of two listeners that are one address to phones, one is named.
func TestListenersBehindOneAddress(t *testing.T) {
	r := newRigOf(t, config.Listener{Name: "a", Advertise: "sip.example.net:5060"}, config.Listener{Name: "b", Port: 5070, Advertise: "SIP.example.net"})
	req := r.request(invite, "192.0.2.10:5062")
	req.From.Listener = 5060
	if got := r.leaves(req, []targets.Target{over("", "198.51.100.7:5070", 5070)}); strings.Count(got, "Record-Route") != 2 {
		t.Errorf("they differ in their ports:\n%s", got)
	}
	r = newRigOf(t, config.Listener{Name: "a"}, config.Listener{Name: "b", Port: 5070, Advertise: "SIP.example.net:5060"})
	if got := r.leaves(req, []targets.Target{over("", "198.51.100.7:5070", 5070)}); strings.Count(got, "Record-Route") != 1 {
		t.Errorf("one name, twice:\n%s", got)
	}
}

// The token holds by which listener each end is reached.
func TestTokenHoldsListeners(t *testing.T) {
	r := newRigOf(t, config.Listener{Name: "phones"}, config.Listener{Name: "trunks", Port: 5070})
	req := r.request(invite, "192.0.2.10:5062")
	req.From.Listener, req.Back.Listener = 5060, 5060
	text := r.leaves(req, []targets.Target{over("", "198.51.100.7:5070", 5070)})
	_, route, _ := strings.Cut(text, "Record-Route: <sip:")
	user, _, _ := strings.Cut(route, "@")
	var tok token.Token
	if err := r.keys.ParseToken([]byte(user), []byte("call-1"), &tok); err != nil {
		t.Fatal(err)
	}
	caller, callee := flow.OverUDP(address("192.0.2.10:5062")), flow.OverUDP(address("198.51.100.7:5070"))
	caller.Listener, callee.Listener = 5060, 5070
	if tok.Caller != caller || tok.Callee != callee {
		t.Errorf("caller %+v, callee %+v", tok.Caller, tok.Callee)
	}
}

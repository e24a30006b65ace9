package phones

import (
	"crypto/rand"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/sipring/sipring/proxy/digest"
)

// TestRecordedRegisterIsSentAgain: with the same credentials, by the phone's socket for another
// contact, and as it was by another one. A registrar that counts takes neither.
func TestRecordedRegisterIsSentAgain(t *testing.T) {
	password := rand.Text()
	g := newGuard(t, "alice", password, digest.MD5)
	alice := phone(t, Config{User: "alice", Password: password, Proxy: g.at})
	if err := alice.Register(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	proof := g.proofs["REGISTER"]
	g.mu.Unlock()
	seen := alice.Recorded()
	thief, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(g.at))
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	for what, again := range map[string]func() (int, error){
		"forged": func() (int, error) { return alice.Forge(t.Context(), seen, "sip:thief@127.0.0.1", g.at) },
		"copied": func() (int, error) { return seen.Copy(t.Context(), thief) },
	} {
		g.mu.Lock()
		g.proofs["REGISTER"] = ""
		g.mu.Unlock()
		status, err := again()
		g.mu.Lock()
		if status != 401 || err != nil || g.proofs["REGISTER"] != proof {
			t.Errorf("%s: %d, %v, with the credentials %q, want %q", what, status, err, g.proofs["REGISTER"], proof)
		}
		g.mu.Unlock()
	}
}

// TestRouteIsAskedForEachRequest: also for the one that says who sends it.
func TestRouteIsAskedForEachRequest(t *testing.T) {
	password := rand.Text()
	g := newGuard(t, "alice", password, digest.MD5)
	alice := phone(t, Config{User: "alice", Password: password})
	var asked atomic.Int64
	alice.SetRoute(func() netip.AddrPort { asked.Add(1); return g.at })
	if err := alice.Register(t.Context(), 60); err != nil || asked.Load() != 2 {
		t.Errorf("asked %d times, %v", asked.Load(), err)
	}
	mallory := phone(t, Config{User: "mallory", Password: password, Proxy: g.at})
	if err := mallory.Register(t.Context(), 60); Status(err) != 401 {
		t.Errorf("mallory registered: %v", err)
	}
}

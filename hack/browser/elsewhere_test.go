package browser

import (
	"encoding/json"
	"net/netip"
	"os"
	"testing"

	"github.com/sipring/sipring/demo/fleet"
)

// elsewhereFile is the environment's name for a file that says what cluster the browser is to
// use, if not one that the test starts: hack/e2e gives it its own.
const elsewhereFile = "SIPRING_BROWSER_CLUSTER"

// elsewhere is a cluster that runs.
type elsewhere struct {
	WebSocket string         // its URI
	SIP       netip.AddrPort // UDP
	// Desks are the addresses of the phones on UDP, and Users who is in the browser and at
	// those.
	Desks     [2]netip.Addr
	Users     [3]string
	Passwords fleet.Passwords
	// Library is where SIP.js is kept, or is to be: where the cluster is reached there may
	// be no registry.
	Library string
}

// given is what the environment names, nil if it names nothing.
func given(t *testing.T) *elsewhere {
	t.Helper()
	name := os.Getenv(elsewhereFile)
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var e elsewhere
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	guest, alice, carol = e.Users[0], e.Users[1], e.Users[2]
	return &e
}

// TestLibrary: the registry has SIP.js as it is to be.
func TestLibrary(t *testing.T) {
	if files := library(t); files["lib/index.js"] == nil {
		t.Error("there is no lib/index.js in it")
	}
}

package routing

import (
	"fmt"
	"testing"

	"github.com/sipring/sipring/proxy/wire"
)

// TestLifetimesAreSpread: of users who have all registered at once no ten seconds get
// many back, and the same request is granted the same again.
func TestLifetimesAreSpread(t *testing.T) {
	tables := testTables(t)
	granted := func(m *wire.Message, proved bool) uint32 {
		d := &Decision{}
		tables.Decide(m, d)
		d.Authenticated, d.contacts = proved, nil
		tables.readContacts(m, d)
		return d.contacts[0].Expires
	}
	returns := map[uint32]int{}
	for i := range 1000 {
		m := scan(t, "REGISTER", "sip:example.com", "Contact: <sip:a@192.0.2.1>", fmt.Sprintf("Call-ID: %x", i))
		n := granted(m, true)
		if n < 3240 || n > 3600 || n != granted(m, true) || granted(m, false) != 3600 {
			t.Fatalf("%d s, again %d s, for a stranger %d s", n, granted(m, true), granted(m, false))
		}
		returns[n/10]++
	}
	most := 0
	for _, n := range returns {
		most = max(most, n)
	}
	if most > 60 || len(returns) < 30 {
		t.Errorf("of 1000 in 360 s %d come back in 10 s", most)
	}
	for _, seconds := range []int{0, 60, 300, 599} {
		m := scan(t, "REGISTER", "sip:example.com", "Contact: <sip:a@192.0.2.1>", fmt.Sprintf("Expires: %d", seconds))
		if got := granted(m, true); int(got) != seconds {
			t.Errorf("%d s are granted as %d", seconds, got)
		}
	}
	tables.registrar.MinExpires = 3500
	if n := tables.spread(3600, scan(t, "REGISTER", "sip:example.com")); n < 3500 {
		t.Errorf("%d s are less than the least", n)
	}
}

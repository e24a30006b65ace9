package routing

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

func applicationTables(t *testing.T, app *config.LocalApp) *Tables {
	t.Helper()
	c := &config.Config{Cluster: "test", Domains: []string{"example.com", "rooms.example.com"}, LocalApp: app}
	c.ApplyDefaults()
	tables, err := NewTables(c, nil, netip.MustParseAddrPort("10.0.0.1:5060"), testKeys(t, 1), Checks{})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func TestUsersOfTheApplication(t *testing.T) {
	all, none := applicationTables(t, &config.LocalApp{Port: 5080}), applicationTables(t, nil)
	rooms := applicationTables(t, &config.LocalApp{Port: 5080, Users: "room-[0-9]+|lobby", Domains: []string{"Rooms.Example.com"}})
	for aor, want := range map[string]bool{
		"sip:room-1@rooms.example.com":      true,
		"sip:room-1@rooms.example.com:5070": true,
		"sip:lobby@rooms.example.com":       true,
		"sip:lobby2@rooms.example.com":      false,
		"sip:room-1@example.com":            false,
		"sip:bob@rooms.example.com":         false,
	} {
		if rooms.ForApplication([]byte(aor)) != want || !all.ForApplication([]byte(aor)) || none.ForApplication([]byte(aor)) {
			t.Errorf("%s", aor)
		}
	}
}

// TestNothingRegistersOverTheApplicationsSocket: a binding there would be a Local flow.
func TestNothingRegistersOverTheApplicationsSocket(t *testing.T) {
	tables := applicationTables(t, &config.LocalApp{Port: 5080})
	m := scan(t, "REGISTER", "sip:example.com", "Contact: <sip:bob@127.0.0.1:5080>")
	for from, want := range map[flow.Flow]Action{flow.ToLocal(1, 5080): Reject, flow.OverUDP(netip.MustParseAddrPort("127.0.0.1:5080")): Register} {
		d := Decision{From: from}
		tables.Decide(m, &d)
		if d.Action != want || want == Reject && d.Status != 403 {
			t.Errorf("%v: %v %d", from.Transport, d.Action, d.Status)
		}
	}
}

// TestRFC5658_5_ApplicationsRouteIsOurs: at every member, whatever address that has.
func TestRFC5658_5_ApplicationsRouteIsOurs(t *testing.T) {
	m := scan(t, "INVITE", "sip:bob@example.com", "Route: <sip:127.0.0.1:5070;lr>")
	for _, tt := range []struct {
		app  *config.LocalApp
		want Action
	}{{&config.LocalApp{Port: 5080, ProxyPort: 5070}, Lookup}, {&config.LocalApp{Port: 5080}, Reject}, {nil, Reject}} {
		var d Decision
		applicationTables(t, tt.app).Decide(m, &d)
		if d.Action != tt.want {
			t.Errorf("%+v: %v %s", tt.app, d.Action, d.Why)
		}
	}
}

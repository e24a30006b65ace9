package forward

import (
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// TestRFC3608_5_ServiceRoute: it names the cluster as the last proxy of the Path has
// reached it, and a request by way of it is for us.
func TestRFC3608_5_ServiceRoute(t *testing.T) {
	r := newRigOf(t, allTransports...)
	for over, want := range map[flow.Transport][2]string{
		flow.UDP: {"<sip:sip.example.net:5060;lr>", "<sip:sip.example.net:5060;lr>"},
		flow.TCP: {"<sip:sip.example.net:5060;transport=tcp;lr>", "<sip:sip.example.net:5060;transport=tcp;lr>"},
		flow.TLS: {"<sip:sip.example.net:5061;transport=tls;lr>", "<sips:sip.example.net:5061;lr>"},
		flow.WS:  {"<sip:sip.example.net:8080;transport=ws;lr>", "<sip:sip.example.net:8080;transport=ws;lr>"},
		flow.WSS: {"<sip:browsers.example.net:443;transport=ws;lr>", "<sips:browsers.example.net:443;transport=ws;lr>"},
	} {
		for i, sips := range []bool{false, true} {
			line := string(r.names.AppendServiceRoute(nil, conn(over, "192.0.2.9:40000", listenerOf(over)), sips))
			if line != "Service-Route: "+want[i]+"\r\n" {
				t.Errorf("%v, SIPS %v: %q", over, sips, line)
			}
			m := &wire.Message{}
			text := change(strings.TrimLeft(strings.ReplaceAll(invite, "\t", ""), "\n"), "From:", "Route: "+want[i]+"\nFrom:")
			if err := m.Scan([]byte(strings.ReplaceAll(text, "\n", "\r\n")), nil); err != nil {
				t.Fatal(err)
			}
			d := &routing.Decision{}
			if r.tables.Decide(m, d); d.Action != routing.Lookup || d.OwnRoutes != 1 || d.NextRoute != nil {
				t.Errorf("%v, SIPS %v: %v, next Route %q", over, sips, d.Action, d.NextRoute)
			}
		}
	}
}

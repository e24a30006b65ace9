package routing

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// addApplication has what names the proxy as its application knows it be ours, at every
// member: a Record-Route for the application has that name.
func (t *Tables) addApplication(c *config.LocalApp) error {
	if c == nil {
		return nil
	}
	users, err := c.UsersPattern()
	if err != nil {
		return fmt.Errorf("users of the application: %w", err)
	}
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(c.ProxyPort))
	t.application = &Application{
		SentBy: at.String(), Port: uint16(c.Port), TCP: c.Protocol == config.ProtocolTCP, users: users, domains: names{},
		HistoryInfo: c.Original == config.OriginalHistoryInfo, OriginalHeader: c.Original == config.OriginalHeader,
	}
	for _, d := range c.Domains {
		t.application.domains.add(d, 0)
	}
	t.reached.add(at.Addr().String(), c.ProxyPort)
	return nil
}

// Application is that beside each member, nil if there is none.
func (t *Tables) Application() *Application { return t.application }

// ForApplication reports whether a canonical address-of-record is of a user of the
// application.
func (t *Tables) ForApplication(aor []byte) bool {
	a := t.application
	if a == nil {
		return false
	}
	user, host, _ := bytes.Cut(bytes.TrimPrefix(aor, sipScheme), []byte{'@'})
	if port := bytes.LastIndexByte(host, ':'); port > bytes.IndexByte(host, ']') {
		host = host[:port]
	}
	if len(a.domains) > 0 {
		if _, ok := a.domains.host(host); !ok {
			return false
		}
	}
	return a.users == nil || a.users.Match(user)
}

var sipScheme = []byte("sip:")

// checkApplication refuses what an application does not do by way of its proxy: it has no
// binding, as each member has its own, at an address that means nothing to another.
func checkApplication(_ *Tables, m *wire.Message, d *Decision) Verdict {
	if d.From.Transport != flow.Local || m.Method() != wire.MethodRegister {
		return Next
	}
	return d.Reject(403, "Nobody Registers Over The Application's Socket", "application_registers", nil)
}

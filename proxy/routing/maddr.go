package routing

import "github.com/sipring/sipring/proxy/wire"

// checkMaddr refuses a Request-URI whose maddr is the only target (RFC 3261
// 16.5), and a stranger.
func checkMaddr(t *Tables, m *wire.Message, d *Decision) Verdict {
	if t.foreignMaddr(&d.uri) {
		return d.denyMaddr()
	}
	return Next
}

func (d *Decision) denyMaddr() Verdict {
	return d.Reject(403, "Relaying Denied: maddr Is Not In Aliases", "foreign_maddr", nil)
}

// foreignMaddr reports whether the URI leads elsewhere by its maddr parameter,
// whatever its host is (RFC 3261 16.4, 16.5).
func (t *Tables) foreignMaddr(u *wire.URI) bool {
	if len(u.Params) == 0 || u.Scheme != wire.SchemeSIP && u.Scheme != wire.SchemeSIPS {
		return false
	}
	maddr, _ := u.Param("maddr")
	if len(maddr) == 0 {
		return false
	}
	_, ours := t.reached.host(maddr)
	return !ours
}

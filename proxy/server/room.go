package server

import (
	"bytes"

	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/location"
)

// takeRoom says on whose account a REGISTER takes room for bindings: that of where
// it comes from, unless that has no limits, and where several domains are served
// that of the domain.
func (g *registrar) takeRoom() {
	u := &g.op.Update
	if source := g.r.from.Remote.Addr(); !g.r.snap.trusts(source) {
		u.Source = limit.Source(source)
	}
	u.Shared = len(g.r.snap.config.Domains) > 1
}

// maxRoomLines is how many refusals a second are logged.
const maxRoomLines = 1

var roomReasons = map[int]string{
	location.StatusNoRoom:     "a member that is to hold it is above its budget",
	location.StatusSourceFull: "its source has its share of the budget",
	location.StatusDomainFull: "its domain has its share of the budget",
}

// noteNoRoom logs, at a limited rate, that there is no room for a registration. Who
// is registered is nobody's business.
func (g *registrar) noteNoRoom(status int) {
	if !g.r.s.roomLines.allow(g.r.now) {
		return
	}
	domain := g.r.decision.AOR[bytes.LastIndexByte(g.r.decision.AOR, '@')+1:]
	g.r.s.log.Warn("registration refused: no room for its bindings", "why", roomReasons[status],
		"from", g.r.from.Remote.Addr().String(), "domain", string(domain))
}

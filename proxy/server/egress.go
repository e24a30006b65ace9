package server

import "net/netip"

// mayReach reports whether the policy lets a request go to an address, and counts
// if not.
func (m *message) mayReach(to netip.AddrPort) bool {
	if m.snap.egress.Allows(to) {
		return true
	}
	m.s.metrics.refused.Add(1)
	return false
}

// allowed reports whether the request may be answered, and counts if not: one may
// come in the name of a member, so that its answer would go to a port that members
// have for each other.
func (a *reply) allowed() bool {
	if a.snap.egress.Answers(a.back.Remote) {
		return true
	}
	a.s.metrics.drop(dropSource)
	return false
}

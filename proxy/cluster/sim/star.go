package sim

import "slices"

// What phones of one AOR do to each other: a Contact: * of one removes the bindings of all. Where two requests overlap in
// time either may have been the later one.

// acknowledged notes that a request is. Nothing older is left of the contact, but for what another phone's Contact: *,
// which was under way at the same time, may have done.
func (ph *phone) acknowledged(i int) {
	r := &ph.history[i]
	r.acked = ph.w.now
	ph.forgiven = false
	from := i
	for j := max(0, ph.acked); j < i; j++ {
		if f := &ph.history[j]; f.by != nil && (f.over == 0 || f.over > r.sent) {
			from = min(from, j)
		}
	}
	ph.acked = max(ph.acked, from)
	ph.mates(func(m *phone) {
		m.removedBy(ph, r)
	})
	ph.underWayElsewhere()
}

// mayFollowStar notes the copies of requests of this phone that are under way as a mate's Contact: * is sent. They may be
// ordered after it, and are what is left then, though newer requests of this phone came before it: it leaves no binding
// that would order them, and has another Call-ID itself (RFC 3261 section 10.3).
func (ph *phone) mayFollowStar() {
	for _, a := range ph.w.judge.asked {
		if a.ph == ph && !a.done && a.r.deed != fetch {
			ph.comesAgain(a.r)
		}
	}
}

// givenDuringStar notes the same of a copy that a member is given while a mate's Contact: *, which was sent after the
// request, may be under way.
func (ph *phone) givenDuringStar(r request) {
	if r.deed != fetch && slices.ContainsFunc(ph.history[r.number:], func(f request) bool {
		return f.by != nil && (f.over == 0 || f.over > ph.w.now)
	}) {
		ph.comesAgain(r)
	}
}

// removedBy takes notice that a request of a mate is acknowledged: its Contact: *, if it is one, and those before. It
// counts as this phone's own removal if nothing of this phone was under way as it was sent.
func (ph *phone) removedBy(mate *phone, r *request) {
	for j := max(0, ph.acked); j < len(ph.history); j++ {
		f := &ph.history[j]
		if f.by != mate || f.over != 0 || f.sent > r.sent {
			continue
		}
		f.over = mate.quietAt
		if r.deed != unbindAll || f.sent != r.sent {
			continue
		}
		f.acked = ph.w.now
		if j > ph.acked && f.alone && ph.overBefore(j) {
			ph.acked, ph.forgiven = j, false
		}
	}
}

// overBefore reports whether everything before an entry of the history was over as that was sent.
func (ph *phone) overBefore(j int) bool {
	sent := ph.history[j].sent
	for i := max(0, ph.acked); i < j; i++ {
		b := &ph.history[i]
		if b.by != nil && (b.over == 0 || b.over > sent) || b.by == nil && b.acked == 0 {
			return false
		}
	}
	return true
}

// removedSince reports whether what the request has bound may have been removed, by this phone later or by another one's
// Contact: *.
func (ph *phone) removedSince(r request) bool {
	for i := len(ph.history) - 1; i >= 0; i-- {
		f := &ph.history[i]
		if f.deed != bind && f.number > r.number || f.by != nil && (f.over == 0 || f.over > r.sent) {
			return true
		}
	}
	return false
}

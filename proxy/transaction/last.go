package transaction

// The targets that are Last are tried when no other has taken the call: when all of those
// have failed in a way that says nothing but that nobody is there, or have not answered
// within Timers.Last.

// holdLast has the Last targets of an INVITE wait while others are tried.
func (c *ResponseContext) holdLast(e *event) {
	if c.branches.pendingBefore() && c.branches.waitingLast() {
		c.lastAt = e.now + e.last
	}
}

// noAnswer ends the time that the others have. What they answer to their CANCEL is no
// answer to the call.
func (c *ResponseContext) noAnswer(e *event) {
	c.lastAt, c.passedOn = never, true
	for i := range int(c.branches.count) {
		switch b := c.branches.at(i); {
		case b.target.Last || !b.pending():
		case b.state == clientWaiting:
			b.become(e, clientTerminated)
		default:
			b.cancelOrWait(e, c.reason)
		}
	}
	c.startLast(e)
}

// passOn has the Last targets tried if all others have failed, and reports whether they
// are. Where one has said more than that nobody is there, the caller is to hear it.
func (c *ResponseContext) passOn(e *event) bool {
	if c.lastAt == never || c.branches.pendingBefore() {
		return false
	}
	c.lastAt = never
	if c.cancelled || c.closed || !nobodyThere(int(c.best.status)) {
		for i := range int(c.branches.count) {
			if b := c.branches.at(i); b.state == clientWaiting {
				b.become(e, clientTerminated)
			}
		}
		return false
	}
	c.passedOn = true
	return c.startLast(e)
}

// startLast starts those of the Last that are first of their groups.
func (c *ResponseContext) startLast(e *event) (started bool) {
	for i := range int(c.branches.count) {
		if b := c.branches.at(i); b.target.Last && b.state == clientWaiting && !c.branches.trying(b) {
			b.start(e)
			started = true
		}
	}
	return started
}

// nobodyThere reports whether a failure says that a call may be another's to take: not
// there, busy, or not to be reached.
func nobodyThere(status int) bool {
	switch status {
	case 404, 408, 410, 430, 480, 486, 487:
		return true
	}
	return status/100 == 5
}

// pendingBefore reports whether a branch that is not Last has had no final response yet.
func (l *branches) pendingBefore() bool {
	for i := range int(l.count) {
		if b := l.at(i); !b.target.Last && b.pending() {
			return true
		}
	}
	return false
}

func (l *branches) waitingLast() bool {
	for i := range int(l.count) {
		if b := l.at(i); b.target.Last && b.state == clientWaiting {
			return true
		}
	}
	return false
}

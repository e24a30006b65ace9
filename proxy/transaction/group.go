package transaction

// The targets of a group are flows to one instance of a phone: they are tried one
// after the other, for a phone that is called twice at once rings twice (RFC 5626
// 5.3).

// flowFailed reports whether a response says that the phone cannot be reached this
// way, and perhaps another: 430 (RFC 5626 5.3.1), or 503 of who is in between.
func flowFailed(status int) bool { return status == 430 || status == 503 }

// trying reports whether a branch of b's group, other than b, has been started
// and has no final response yet.
func (c *Context) trying(b *Branch) bool {
	if b.target.Group == 0 {
		return false
	}
	for i := range int(c.branches) {
		o := c.branch(i)
		if o != b && o.target.Group == b.target.Group && o.pending() && o.state != clientWaiting {
			return true
		}
	}
	return false
}

// succeed is called when a branch has ended, except by a 2xx to INVITE. If its
// flow has failed and another of its group is there to be tried, that is started
// and the result is true: what the failure was is nothing to the caller then.
// Else the phone has answered, or nobody waits for it any more, and the rest of
// the group is given up.
func (m *machine) succeed(c *Context, b *Branch, failed bool) bool {
	if b.target.Group == 0 {
		return false
	}
	failed = failed && c.open() && !c.cancelled && !c.closed
	if failed && c.trying(b) { // another member has tried b
		return true
	}
	for i := range int(c.branches) {
		next := c.branch(i)
		switch {
		case next.state != clientWaiting || next.target.Group != b.target.Group:
		case failed:
			m.start(c, next)
			return true
		default:
			m.endBranch(next)
		}
	}
	return false
}

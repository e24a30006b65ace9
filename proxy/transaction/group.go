package transaction

// The targets of a group are flows to one instance of a phone: they are tried one
// after the other, for a phone that is called twice at once rings twice (RFC 5626
// 5.3).

// flowFailed reports whether a response says that the phone cannot be reached this
// way, and perhaps another: 430 (RFC 5626 5.3.1), or 503 of who is in between.
func flowFailed(status int) bool { return status == 430 || status == 503 }

// succeed is called when a branch has ended, except by a 2xx to INVITE. If its
// flow has failed and another of its group is there to be tried, that is started
// and the result is true: what the failure was is nothing to the caller then.
// Else the phone has answered, or nobody waits for it any more, and the rest of
// the group is given up.
func (c *ResponseContext) succeed(e *event, b *Branch, failed bool) bool {
	failed = failed && c.wanted()
	if b.target.Group == 0 {
		return c.endInstead(e, b, failed)
	}
	if failed && c.branches.trying(b) { // another member has tried b
		return true
	}
	for i := range int(c.branches.count) {
		next := c.branches.at(i)
		switch {
		case next.state != clientWaiting || next.target.Group != b.target.Group:
		case failed:
			next.instead = b.instead
			next.start(e)
			return true
		default:
			next.become(e, clientTerminated)
		}
	}
	return c.endInstead(e, b, failed)
}

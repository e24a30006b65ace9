package transport

import "time"

// maxSlack is how much later than asked for a deadline may come at most.
const maxSlack = time.Second

// allow lets so much time pass before something has been read, and up to an eighth of it
// or a second more: so that the deadline of a connection with many messages is set once
// a second, and not for each.
func (c *conn) allow(d time.Duration) {
	slack, due := min(d/8, maxSlack), time.Since(c.streams.began)+d
	if due <= c.due && c.due <= due+slack {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.leaving {
		c.due = due + slack
		_ = c.out.SetReadDeadline(c.streams.began.Add(c.due))
	}
}

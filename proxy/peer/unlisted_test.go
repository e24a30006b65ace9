package peer

import (
	"fmt"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// TestNewcomerBringsTheSet: a member that the others' set does not list yet, because whoever tells them is late, gives
// them its own, whichever side dials.
func TestNewcomerBringsTheSet(t *testing.T) {
	for rule, newcomer := range map[string]uint32{"that is dialled": 3, "that dials": 1} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 3)
			whole := c.set
			c.publish(func(s *config.MemberSet) {
				s.Epoch, s.Members = 1, nil
				for _, m := range whole.Members {
					if m.ID != newcomer {
						s.Members = append(s.Members, m)
					}
				}
			})
			c.startAll()
			bound := map[string]string{}
			for i := range 10 {
				aor, contact := fmt.Sprintf("sip:u%d@example.com", i), fmt.Sprintf("sip:u%d@192.0.2.1", i)
				if status := c.register(2, aor, contact, 1); status != 200 {
					t.Fatalf("REGISTER of %s: %d", aor, status)
				}
				bound[aor] = contact
			}
			c.publish(func(s *config.MemberSet) { s.Members = whole.Members })
			c.start(newcomer)
			c.settled()
			for aor, contact := range bound {
				c.wantBound(aor, contact)
			}
			for id, n := range c.nodes {
				if epoch := n.View().Epoch; epoch != c.set.Epoch {
					t.Errorf("member %d has epoch %d", id, epoch)
				}
			}
		})
	}
}

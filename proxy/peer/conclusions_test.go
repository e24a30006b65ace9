package peer

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/config"
)

// tally is what a member counts of losses.
func tally(t *testing.T, n *Node) (failovers, rehomed, unconfirmed int) {
	t.Helper()
	n.membership.mu.Lock() // all at one time
	defer n.membership.mu.Unlock()
	r := prometheus.NewRegistry()
	r.MustRegister(n.metrics.Set)
	got := values(t, r, map[string]float64{"failovers_total": 0, "rehomed_bindings_total": 0, "unconfirmed_losses": 0, "peer_loss_to_ring_seconds": 0})
	if got["peer_loss_to_ring_seconds"] != got["failovers_total"] || len(n.Report().Failovers) != int(min(got["failovers_total"], config.MaxFailovers)) {
		t.Errorf("%v are timed, %d reported, of %v failovers", got["peer_loss_to_ring_seconds"], len(n.Report().Failovers), got["failovers_total"])
	}
	return int(got["failovers_total"]), int(got["rehomed_bindings_total"]), int(got["unconfirmed_losses"])
}

// TestALossCountsOnce: over a kill, a node that is cut off and partitions of any shape
// the sum of what all members count is what one side lost, once all is whole again.
func TestALossCountsOnce(t *testing.T) {
	type ids = []uint32
	for rule, tt := range map[string]struct {
		members int
		killed  uint32
		cut     []ids
		lost    ids            // those that the sum is of
		counts  map[uint32]int // failovers, of each member
		open    map[uint32]int // what is not confirmed while it lasts
	}{
		"one is killed":           {members: 3, killed: 3, lost: ids{3}, counts: map[uint32]int{1: 1, 2: 1}},
		"one of two is killed":    {members: 2, killed: 1, lost: ids{1}, counts: map[uint32]int{2: 1}},
		"the last is cut off":     {members: 3, cut: []ids{{3}}, lost: ids{3}, counts: map[uint32]int{1: 1, 2: 1, 3: 0}, open: map[uint32]int{1: 0, 2: 0, 3: 2}},
		"the first is cut off":    {members: 3, cut: []ids{{1}}, lost: ids{1}, counts: map[uint32]int{1: 0, 2: 1, 3: 1}, open: map[uint32]int{1: 2, 2: 0, 3: 0}},
		"two of five are cut off": {members: 5, cut: []ids{{1, 4}}, lost: ids{1, 4}, counts: map[uint32]int{1: 0, 2: 2, 3: 2, 4: 0, 5: 2}, open: map[uint32]int{1: 3, 2: 0, 3: 0, 4: 3, 5: 0}},
		"two, from each other":    {members: 2, cut: []ids{{1}}, lost: ids{2}, counts: map[uint32]int{1: 1, 2: 0}, open: map[uint32]int{1: 1, 2: 1}},
		"halves":                  {members: 4, cut: []ids{{2, 4}}, lost: ids{2, 4}, counts: map[uint32]int{1: 2, 2: 0, 3: 2, 4: 0}, open: map[uint32]int{1: 2, 2: 2, 3: 2, 4: 2}},
		"each from all others":    {members: 3, cut: []ids{{1}, {2}, {3}}, counts: map[uint32]int{1: 0, 2: 0, 3: 0}, open: map[uint32]int{1: 2, 2: 2, 3: 2}},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			c := newTrial(t, tt.members)
			network := c.onNetwork()
			c.startAll()
			least := rehomedAtLeast(c, bind(c, 60), tt.lost)
			homes := func() (n int) { // of those that are not lost
				for id, node := range c.nodes {
					if !slices.Contains(tt.lost, id) {
						n += node.cores.stats().HomeBindings
					}
				}
				return n
			}
			before := homes()
			if tt.killed != 0 {
				c.kill(tt.killed)
				for id, n := range c.nodes {
					until(t, fmt.Sprintf("member %d counts it", id), func() bool { failovers, _, _ := tally(t, n); return failovers == 1 })
				}
			}
			if len(tt.cut) > 0 {
				network.cut(tt.cut...)
				for id, open := range tt.open {
					far := network.unreached(id)
					until(t, fmt.Sprintf("member %d has %d losses that are not confirmed, and lost all it cannot reach", id, open), func() bool {
						failovers, _, unconfirmed := tally(t, c.nodes[id])
						return unconfirmed == open && failovers+unconfirmed == far && len(suspectsOf(c.nodes[id])) == far
					})
				}
			}
			if len(tt.lost) > 0 {
				until(t, "bindings have another home", func() bool { return homes() > before })
			}
			// More than those of which an owner is left: strays may be found later.
			most := homes() - before
			if len(tt.lost) == 0 {
				most = 0
			}
			network.heal()
			c.settled()
			got, sum := map[uint32]int{}, 0
			for id, n := range c.nodes {
				var rehomed int
				until(t, fmt.Sprintf("member %d knows who was cut off", id), func() bool {
					var open int
					got[id], rehomed, open = tally(t, n)
					return open == 0 && (got[id] > 0) == (tt.counts[id] > 0)
				})
				sum += rehomed
			}
			if d := cmp.Diff(tt.counts, got); d != "" {
				t.Errorf("failovers (-want +got):\n%s", d)
			}
			if sum < least || sum > most || least == 0 && len(tt.lost) > 0 {
				t.Errorf("%d bindings are re-homed in all, want %d to %d", sum, least, most)
			}
		})
	}
}

// rehomedAtLeast is how many of the bindings have a home that is lost and another owner
// that is not.
func rehomedAtLeast(c *trial, bound map[string]string, lost []uint32) (n int) {
	v := c.nodes[2].View()
	for aor := range bound {
		owners := v.Ring.Owners(v.Partition([]byte(aor)))
		if slices.Contains(lost, owners[0]) && slices.ContainsFunc(owners, func(id uint32) bool { return !slices.Contains(lost, id) }) {
			n++
		}
	}
	return n
}

// TestConclusions: what confirms one, what has it dropped, and what leaves it open.
func TestConclusions(t *testing.T) {
	type ids = []uint32
	const us = 2 // of the members 1..5, of which each but the last is in the ring of before
	at := time.Unix(1000, 0)
	set := func(change func(s *config.MemberSet)) *config.MemberSet {
		s := &config.MemberSet{Epoch: 8}
		for id := range uint32(5) {
			s.Members = append(s.Members, config.Member{ID: id + 1, Address: fmt.Sprintf("192.0.2.%d", id+1), State: config.Active})
		}
		change(s)
		return s
	}
	silent := func(of ...uint32) conclusion {
		c := conclusion{at: at}
		for _, id := range of {
			c.lost = append(c.lost, loss{id: id, member: set(func(*config.MemberSet) {}).Members[id-1], incarnation: uint64(id), cause: errSilence})
		}
		return c
	}
	type outcome struct{ confirmed, dropped, open int }
	tests := map[string]struct {
		lost  []ids // each a change of the ring
		heard ids   // since then
		back  map[uint32]comeback
		wait  time.Duration // since they were back
		set   func(s *config.MemberSet)
		want  outcome
	}{
		"nothing is known":                      {lost: []ids{{1}}, want: outcome{open: 1}},
		"most are heard":                        {lost: []ids{{1}}, heard: ids{3, 4}, want: outcome{confirmed: 1}},
		"half are heard":                        {lost: []ids{{1}}, heard: ids{3}, want: outcome{open: 1}},
		"one who was not in the ring is heard":  {lost: []ids{{1}}, heard: ids{3, 5}, want: outcome{open: 1}},
		"the lost are no part of most":          {lost: []ids{{1}, {3}}, heard: ids{3, 4}, want: outcome{open: 2}},
		"most of the ring before the first":     {lost: []ids{{1}, {3}, {4}}, heard: ids{}, want: outcome{open: 3}},
		"the set goes on without the lost":      {lost: []ids{{1}}, set: func(s *config.MemberSet) { s.Members = s.Members[1:] }, want: outcome{confirmed: 1}},
		"the lost is joining in the set":        {lost: []ids{{1}}, set: func(s *config.MemberSet) { s.Members[0].State = config.Joining }, want: outcome{confirmed: 1}},
		"the lost is another pod in the set":    {lost: []ids{{1}}, set: func(s *config.MemberSet) { s.Members[0].Address = "192.0.2.9" }, want: outcome{confirmed: 1}},
		"one of two is joining, the other lost": {lost: []ids{{1}, {3}}, set: func(s *config.MemberSet) { s.Members[0].State = config.Joining }, want: outcome{confirmed: 1, open: 1}},
		"the set says nothing of it":            {lost: []ids{{1}}, set: func(s *config.MemberSet) { s.Advertise = "sip.example" }, want: outcome{open: 1}},
		"the set goes on without this one":      {lost: []ids{{1}, {3}}, set: func(s *config.MemberSet) { s.Members = s.Members[:1] }, want: outcome{dropped: 2}},
		"this one is joining in the set":        {lost: []ids{{1}}, set: func(s *config.MemberSet) { s.Members[us-1].State = config.Joining }, want: outcome{dropped: 1}},
		"another process is back":               {lost: []ids{{1}}, back: map[uint32]comeback{1: {at, 99, 7}}, want: outcome{confirmed: 1}},
		"the same process is back":              {lost: []ids{{1, 3, 4}}, back: map[uint32]comeback{3: {at, 3, 7}}, want: outcome{dropped: 1}},
		"one as it was, of several losses":      {lost: []ids{{1}, {3}, {4}}, back: map[uint32]comeback{3: {at, 3, 7}}, want: outcome{dropped: 3}},
		"the half without the lowest":           {lost: []ids{{1, 3}}, back: map[uint32]comeback{3: {at, 3, 7}}, want: outcome{dropped: 1}},
		"the half with the lowest":              {lost: []ids{{3}, {4}}, back: map[uint32]comeback{3: {at, 3, 7}}, want: outcome{confirmed: 2}},
		"back with a newer set":                 {lost: []ids{{1, 3}}, back: map[uint32]comeback{3: {at, 3, 8}}, want: outcome{open: 1}},
		"and it says who was cut off":           {lost: []ids{{3, 4}}, back: map[uint32]comeback{3: {at, 3, 8}}, set: func(s *config.MemberSet) { s.Members[us-1].State = config.Joining }, want: outcome{dropped: 1}},
		"which never came":                      {lost: []ids{{1, 3}}, back: map[uint32]comeback{3: {at, 3, 8}}, wait: setWait, want: outcome{dropped: 1}},
	}
	for rule, tt := range tests {
		t.Run(rule, func(t *testing.T) {
			cs, epoch, got := conclusions{self: us}, uint64(7), outcome{}
			before := ids{1, 2, 3, 4}
			for _, lost := range tt.lost {
				if cs.add(silent(lost...), before) {
					t.Error("silence is certain")
				}
				before = slices.DeleteFunc(slices.Clone(before), func(id uint32) bool { return slices.Contains(lost, id) })
			}
			for id, b := range tt.back {
				cs.returned(id, b.incarnation, b.epoch, b.at)
			}
			count := func(j judgement) {
				got.confirmed += len(j.confirmed)
				got.dropped += len(j.dropped)
			}
			if tt.set != nil {
				count(cs.published(set(tt.set)))
				epoch = 8
			}
			count(cs.look(epoch, at.Add(tt.wait), func(id uint32) time.Time {
				if slices.Contains(tt.heard, id) {
					return at.Add(time.Millisecond)
				}
				return at
			}))
			got.open = len(cs.open)
			if got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestCertainLosses need no other's word: a process that ended, and what the member
// set says.
func TestCertainLosses(t *testing.T) {
	refusal := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	for rule, tt := range map[string]struct {
		causes []error
		want   bool
	}{
		"bindings that the set re-homed": {nil, true},
		"ended":                          {[]error{refusal, refusal}, true},
		"moved":                          {[]error{errMoved}, true},
		"silent":                         {[]error{errSilence}, false},
		"one ended, one is silent":       {[]error{refusal, errSilence}, false},
	} {
		c := conclusion{}
		for _, cause := range tt.causes {
			c.lost = append(c.lost, loss{cause: cause})
		}
		if got := c.certain(); got != tt.want {
			t.Errorf("%s: %v", rule, got)
		}
	}
}

package peer

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// journal is a log that can be read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) count(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), what)
}

// announce has a peer bring a set, as a frame of its stream.
func (n *Node) announce(t *testing.T, from uint32, set *config.MemberSet) {
	t.Helper()
	b, err := set.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	n.delivery.deliver(from, nil, kindMembers, b)
}

// lies are what a process with the cluster's key could say in the place of member 2.
var lies = map[string]func(s *config.MemberSet){
	"the last epoch, all others draining": func(s *config.MemberSet) {
		s.Epoch = config.MaxEpoch
		s.Members[0].State, s.Members[2].State = config.Draining, config.Draining
	},
	"the last epoch":                  func(s *config.MemberSet) { s.Epoch = config.MaxEpoch },
	"an epoch just above the bound":   func(s *config.MemberSet) { s.Epoch += maxEpochsAhead },
	"the next epoch, others draining": func(s *config.MemberSet) { s.Members[0].State = config.Draining },
	"the next epoch, others joining":  func(s *config.MemberSet) { s.Members[0].State = config.Joining },
	"the next epoch without another":  func(s *config.MemberSet) { s.Members = s.Members[:2] },
	"another's address":               func(s *config.MemberSet) { s.Members[2].Address = "127.0.0.9" },
	"another's name":                  func(s *config.MemberSet) { s.Members[2].Name = "x" },
	"another's zone":                  func(s *config.MemberSet) { s.Members[2].Zone = "x" },
	"another advertised address":      func(s *config.MemberSet) { s.Advertise = "192.0.2.66" },
	"another second address":          func(s *config.MemberSet) { s.Second = "2001:db8::66" },
	"another listener's address": func(s *config.MemberSet) {
		s.Listeners = []config.ListenerAddress{{Name: "trunks", Advertise: "192.0.2.66"}}
	},
	"fewer replicas":               func(s *config.MemberSet) { s.Ring.Replicas = 1 },
	"another number of partitions": func(s *config.MemberSet) { s.Ring.Partitions = 32 },
	"nobody at all":                func(s *config.MemberSet) { s.Members = nil },
	"more newcomers than ever at once": func(s *config.MemberSet) {
		for i := range uint32(maxNewcomers + 1) {
			s.Members = append(s.Members, config.Member{ID: 50 + i, Name: fmt.Sprint("x", i), Address: fmt.Sprintf("127.0.9.%d", i+1), State: config.Joining})
		}
	},
}

// TestOneMembersWordIsNotLaw: what a peer says of others is neither adopted nor in
// the way of what the own source says next, and is told once.
func TestOneMembersWordIsNotLaw(t *testing.T) {
	for rule, lie := range lies {
		for _, signed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, signed %v", rule, signed), func(t *testing.T) {
				c := newTrial(t, 3)
				if signed {
					c.signer = config.NewKeys()
					c.set = c.signed(c.set)
				}
				log := &journal{}
				c.log = slog.New(slog.NewTextHandler(log, nil))
				n := c.start(1)
				was := n.View().Set
				forged := *c.set
				forged.Members = append([]config.Member(nil), c.set.Members...)
				forged.Epoch++
				lie(&forged)
				for range 3 {
					n.announce(t, 2, &forged)
				}
				if n.View().Set != was {
					t.Errorf("adopted: %+v", n.View().Set)
				}
				if k := counted(t, n.metrics.setsRefused); k != 3 {
					t.Errorf("%d counted as refused, want 3", k)
				}
				if told := log.count("member set of a peer refused"); told != 1 {
					t.Errorf("told %d times", told)
				}
				c.publish(func(s *config.MemberSet) { s.Members[2].State = config.Draining }, 1)
				if v := n.View(); v.Set.Members[2].State != config.Draining || log.count("member set applied") != 2 {
					t.Errorf("the true set is not in force: %+v, told as applied %d times, want twice", v.Set, log.count("member set applied"))
				}
			})
		}
	}
}

// TestPeersMaySayWhatHarmsNobody: newcomers, that a member is in the ring at
// last, and what one says of itself.
func TestPeersMaySayWhatHarmsNobody(t *testing.T) {
	for rule, change := range map[string]func(s *config.MemberSet){
		"a newcomer": func(s *config.MemberSet) {
			s.Members = append(s.Members, config.Member{ID: 9, Name: "ring-8", Address: "127.0.9.9", State: config.Joining})
		},
		"it is in the ring":  func(s *config.MemberSet) { s.Members[2].State = config.Active },
		"it has moved":       func(s *config.MemberSet) { s.Members[1].Address = "127.0.9.9" },
		"it leaves":          func(s *config.MemberSet) { s.Members[1].State = config.Draining },
		"the farthest epoch": func(s *config.MemberSet) { s.Epoch += maxEpochsAhead - 1 },
	} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 3)
			c.set.Members[2].State = config.Joining
			n := c.start(1)
			next := *c.set
			next.Members = append([]config.Member(nil), c.set.Members...)
			next.Epoch++
			change(&next)
			n.announce(t, 2, &next)
			if v := n.View(); !v.Set.Equal(&next) {
				t.Errorf("not in force: %+v", v.Set)
			}
			if k := counted(t, n.metrics.setsRefused); k != 0 {
				t.Errorf("%d refused", k)
			}
		})
	}
}

// TestOwnSourceWinsOverWhatPeersBrought: an epoch that a peer has used up does not
// make the next set of the own source an older one, however often it does so.
func TestOwnSourceWinsOverWhatPeersBrought(t *testing.T) {
	c := newTrial(t, 3)
	n := c.start(1)
	for round := range 5 {
		for ahead := uint64(1); ahead <= maxEpochsAhead; ahead++ {
			claimed := *n.View().Set
			claimed.Epoch = c.set.Epoch + ahead
			n.announce(t, 2, &claimed)
		}
		if got, most := n.View().Epoch, c.set.Epoch+maxEpochsAhead; got > most {
			t.Fatalf("round %d: epoch %d, at most %d can be", round, got, most)
		}
		states := []config.MemberState{config.Draining, config.Active}
		c.publish(func(s *config.MemberSet) { s.Members[2].State = states[round%2] }, 1)
		if got := n.View().Set.Members[2].State; got != states[round%2] {
			t.Fatalf("round %d: the own source's set is not in force: %s", round, got)
		}
	}
	before := n.View()
	older := *c.set
	older.Epoch--
	older.Members = older.Members[:2]
	n.SetMembers(&older)
	if n.View() != before {
		t.Error("an older set of the own source is in force")
	}
}

// TestSignedSetsAreBelieved whoever brings them, unless they were changed, are of
// another cluster, or the key is not trusted any more.
func TestSignedSetsAreBelieved(t *testing.T) {
	c := newTrial(t, 3)
	c.signer = config.NewKeys()
	c.set = c.signed(c.set)
	n := c.start(1)
	c.publish(func(s *config.MemberSet) {
		s.Epoch, s.Advertise, s.Members = 1000, "sip.example.com", s.Members[:2]
		s.Members[1].State = config.Draining
	})
	elsewhere, err := c.signer.Sign("gong", c.set)
	if err != nil {
		t.Fatal(err)
	}
	n.announce(t, 2, elsewhere)
	changed := *c.set
	changed.Members = changed.Members[:1]
	n.announce(t, 2, &changed)
	if v := n.View(); v.Epoch != 1 || counted(t, n.metrics.setsRefused) != 2 {
		t.Fatalf("epoch %d, %d refused", v.Epoch, counted(t, n.metrics.setsRefused))
	}
	n.announce(t, 2, c.set)
	if v := n.View(); !v.Set.Equal(c.set) || len(v.Set.Signatures) == 0 {
		t.Errorf("not in force, or without its signature: %+v", v.Set)
	}
	trusted := c.signer
	c.signer = config.NewKeys()
	n.membership.learn(2, mustSign(t, trusted, 2000))
	if v := n.View(); v.Epoch != 1000 {
		t.Errorf("a key that is not trusted any more made epoch %d", v.Epoch)
	}
}

func mustSign(t *testing.T, keys *config.Keys, epoch uint64) []byte {
	t.Helper()
	set, err := keys.Sign("ring", &config.MemberSet{Epoch: epoch, Ring: config.Ring{Partitions: 64, Replicas: 2}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := set.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestStrangersSetIsNotLaw: a process with the key and an ID that is not listed is
// asked for the set that it says it has.
func TestStrangersSetIsNotLaw(t *testing.T) {
	c := newTrial(t, 3)
	n := c.start(1)
	i := c.intrude(t)
	conn := i.secure(c.keys)
	if err := sendHello(conn, &hello{Version: protocolVersion, Cluster: "ring", ID: 99, Name: "x", Incarnation: 7, Epoch: config.MaxEpoch}); err != nil {
		t.Fatal(err)
	}
	if kind, _, err := readFrame(conn, nil, maxHello); err != nil || kind != kindUnlisted {
		t.Fatalf("frame of kind %d, %v", kind, err)
	}
	forged := *c.set
	forged.Epoch, forged.Members = config.MaxEpoch, []config.Member{{ID: 99, Name: "x", Address: "127.0.9.9", State: config.Active}}
	b, err := forged.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(appendFrame(nil, kindMembers, b)); err != nil {
		t.Fatal(err)
	}
	until(t, "it is counted", func() bool { return counted(t, n.metrics.setsRefused) == 1 })
	if v := n.View(); !v.Set.Equal(c.set) {
		t.Errorf("adopted: %+v", v.Set)
	}
}

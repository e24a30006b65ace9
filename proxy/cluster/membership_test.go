package cluster

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

func ids(t *ring.Table) []uint32 {
	list := []uint32{}
	for _, m := range t.Members() {
		list = append(list, m.ID)
	}
	return list
}

func TestEffectiveRing(t *testing.T) {
	active := func(n int) *config.MemberSet { return testSet(1, 2, n, config.Active) }
	with := func(s *config.MemberSet, id uint32, state config.MemberState) *config.MemberSet {
		s.Members[id-1].State = state
		return s
	}
	type want struct {
		Ring, Next, Suspects []uint32
		Pending              bool
	}
	tests := map[string]struct {
		set    *config.MemberSet
		events func(m *Membership)
		want   want
	}{
		"nobody met: oneself, and nothing concluded": {
			set: active(3), want: want{Ring: []uint32{1}, Next: []uint32{1}, Pending: true},
		},
		"all up and synced": {
			set: active(3),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 20, true, false)
				m.PeerUp(0, 3, 30, true, false)
			},
			want: want{Ring: []uint32{1, 2, 3}, Next: []uint32{1, 2, 3}},
		},
		"one dead": {
			set: active(3),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 20, true, false)
				m.PeerUp(0, 3, 30, true, false)
				m.PeerDown(0, 3, "reset")
			},
			want: want{Ring: []uint32{1, 2}, Next: []uint32{1, 2}, Suspects: []uint32{3}},
		},
		"one back with another incarnation holds nothing": {
			set: active(3),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 20, true, false)
				m.PeerUp(0, 3, 30, true, false)
				m.PeerUp(0, 3, 31, false, false)
			},
			want: want{Ring: []uint32{1, 2}, Next: []uint32{1, 2, 3}},
		},
		"back and synced": {
			set: active(2),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 31, false, false)
				m.PeerState(0, 2, 31, true, false)
			},
			want: want{Ring: []uint32{1, 2}, Next: []uint32{1, 2}},
		},
		"what an earlier incarnation said does not count": {
			set: active(2),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 31, false, false)
				m.PeerState(0, 2, 30, true, false)
			},
			want: want{Ring: []uint32{1}, Next: []uint32{1, 2}},
		},
		"joining: will own": {
			set: with(active(2), 2, config.Joining),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 20, true, false)
			},
			want: want{Ring: []uint32{1}, Next: []uint32{1, 2}},
		},
		"joining and unreachable: it may hold data all the same": {
			set:    with(active(2), 2, config.Joining),
			events: func(m *Membership) { m.PeerDown(0, 2, "refused") },
			want:   want{Ring: []uint32{1}, Next: []uint32{1}, Suspects: []uint32{2}},
		},
		"draining: out of both": {
			set: with(active(2), 2, config.Draining),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 20, true, false)
			},
			want: want{Ring: []uint32{1}, Next: []uint32{1}},
		},
		"says that it leaves before the operator does": {
			set: active(2),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 20, true, true)
			},
			want: want{Ring: []uint32{1}, Next: []uint32{1}},
		},
		"leaving oneself": {
			set: active(2),
			events: func(m *Membership) {
				synced(m)
				m.PeerUp(0, 2, 20, true, false)
				m.Drain(0)
			},
			want: want{Ring: []uint32{2}, Next: []uint32{2}},
		},
		"first start: everyone joining who lives": {
			set:    testSet(1, 2, 3, config.Joining),
			events: func(m *Membership) { m.PeerUp(0, 3, 30, false, false) },
			want:   want{Ring: []uint32{1, 3}, Next: []uint32{1, 3}, Pending: true},
		},
		"all restarted: the active ones that live": {
			set: active(3),
			events: func(m *Membership) {
				m.PeerUp(0, 2, 20, false, false)
				m.PeerUp(0, 3, 30, false, false)
			},
			want: want{Ring: []uint32{1, 2, 3}, Next: []uint32{1, 2, 3}},
		},
		"one up that is not published": {
			set:    active(1),
			events: func(m *Membership) { m.PeerUp(0, 9, 90, true, false) },
			want:   want{Ring: []uint32{1}, Next: []uint32{1}},
		},
		"given up after a while": {
			set: active(2),
			events: func(m *Membership) {
				m.Tick(DefaultUnknownWait - 1)
				if !m.View().Pending {
					panic("given up too early")
				}
				m.Tick(DefaultUnknownWait)
			},
			want: want{Ring: []uint32{1}, Next: []uint32{1}, Suspects: []uint32{2}},
		},
		"a peer vouches for one": {
			set: active(3),
			events: func(m *Membership) {
				m.PeerUp(0, 3, 30, true, false)
				m.Vouched(DefaultUnknownWait/2, 2)
				m.Tick(DefaultUnknownWait*3/2 - 1)
			},
			want: want{Ring: []uint32{3}, Next: []uint32{1, 3}, Pending: true},
		},
		"a peer vouched for one that is not there": {
			set: active(3),
			events: func(m *Membership) {
				m.PeerUp(0, 3, 30, true, false)
				m.Vouched(DefaultUnknownWait/2, 2)
				m.Tick(DefaultUnknownWait * 3 / 2)
			},
			want: want{Ring: []uint32{3}, Next: []uint32{1, 3}, Suspects: []uint32{2}},
		},
		"a peer vouches for one that was lost": {
			set: active(2),
			events: func(m *Membership) {
				m.PeerUp(0, 2, 20, true, false)
				m.PeerDown(1, 2, "")
				m.Vouched(1, 2)
				m.Vouched(1, 9) // a stranger
			},
			want: want{Ring: []uint32{1}, Next: []uint32{1}, Suspects: []uint32{2}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := NewMembership(1, 10, 0)
			m.SetChanged(0, tt.set)
			if tt.events != nil {
				tt.events(m)
			}
			v := m.View()
			got := want{ids(v.Ring), ids(v.Next), v.Suspects, v.Pending}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("view (-want +got):\n%s", diff)
			}
		})
	}
}

// synced has the membership believe that its cores hold everything.
func synced(m *Membership) {
	for _, id := range []uint32{2, 3} {
		if _, ok := m.set.Member(id); ok {
			m.PeerDown(0, id, "not there yet")
		}
	}
	m.Progress(0, Progress{Version: m.View().Version, Held: 16})
}

func TestSetsOutOfOrder(t *testing.T) {
	m := NewMembership(1, 10, 0)
	set := func(epoch uint64, n int) *config.MemberSet { return testSet(epoch, 2, n, config.Active) }
	m.SetChanged(0, set(5, 3))
	other, reseeded := set(9, 3), set(9, 3)
	other.Ring.Partitions = 32
	reseeded.Ring.Seed = ring.Seed{2}
	for name, s := range map[string]*config.MemberSet{
		"older": set(4, 2), "same epoch, other content": set(5, 2), "other partitions": other, "another seed": reseeded,
	} {
		before := m.Ignored()
		if v := m.SetChanged(0, s); v != nil || m.Ignored().Older+m.Ignored().Conflicting != before.Older+before.Conflicting+1 || m.View().Epoch != 5 {
			t.Errorf("%s: taken", name)
		}
	}
	before := m.Ignored()
	if v := m.SetChanged(0, set(5, 3)); v != nil || m.Ignored() != before {
		t.Error("the same again counts as a fault")
	}
	if v := m.SetChanged(0, set(6, 2)); v == nil || len(v.Members) != 2 {
		t.Error("newer: not taken")
	}
}

func TestViewsChangeOnlyWhenSomethingDoes(t *testing.T) {
	m := NewMembership(1, 10, 0)
	first := m.SetChanged(0, testSet(1, 2, 3, config.Active))
	up := m.PeerUp(0, 2, 20, true, false)
	if up.Version <= first.Version {
		t.Error("versions do not rise")
	}
	if m.PeerState(0, 2, 20, true, false) != nil || m.Tick(0) != nil || m.PeerState(0, 7, 1, true, false) != nil {
		t.Error("a view of nothing new")
	}
	again := m.PeerUp(0, 2, 20, true, false)
	if again == nil {
		t.Fatal("a new stream is a new view")
	}
	if again.Ring != up.Ring || again.Next != up.Next {
		t.Error("the same ring was built again")
	}
	a, _ := up.Member(2)
	b, _ := again.Member(2)
	if a.Link == b.Link {
		t.Error("a new stream has the number of the old")
	}
}

func TestProgress(t *testing.T) {
	m := NewMembership(1, 10, 0)
	m.SetChanged(0, testSet(1, 2, 2, config.Active))
	say := func(p Progress) bool {
		p.Version += m.View().Version
		m.Progress(0, p)
		synced, _ := m.SelfState()
		return synced
	}
	if say(Progress{Held: 16}) {
		t.Error("synced while a member was not met")
	}
	m.PeerUp(0, 2, 20, true, false)
	if m.Progress(0, Progress{Version: m.View().Version - 1, Held: 16}); m.synced {
		t.Error("synced by the progress of an older view")
	}
	if say(Progress{Filling: 1, Held: 15}) {
		t.Error("synced with a partition missing")
	}
	if !say(Progress{Held: 16}) {
		t.Error("not synced with everything held")
	}
	if !say(Progress{Held: 15, Filling: 1}) {
		t.Error("no longer synced because another failed and its part is being fetched")
	}
	if say(Progress{Held: 15, Filling: 1, Demoted: true}) {
		t.Error("synced though what it holds is in doubt")
	}
	m.Drain(0)
	if say(Progress{Held: 3}); m.Drained() {
		t.Error("drained while holding")
	}
	if say(Progress{}); !m.Drained() {
		t.Error("not drained while holding nothing")
	}
}

func TestProgressAdds(t *testing.T) {
	sum := Progress{Version: 3, Held: 1}.Add(Progress{Version: 3, Held: 2, Filling: 1, Leaving: 4, Demoted: true})
	if diff := cmp.Diff(Progress{Version: 3, Held: 3, Filling: 1, Leaving: 4, Demoted: true}, sum); diff != "" {
		t.Error(diff)
	}
	if mixed := sum.Add(Progress{Version: 4}); mixed.Version != 0 {
		t.Error("cores of different views add up to one")
	}
}

func TestMembersAreInOrder(t *testing.T) {
	m := NewMembership(1, 10, 0)
	set := testSet(1, 2, 3, config.Active)
	slices.Reverse(set.Members)
	v := m.SetChanged(0, set)
	for i := 1; i < len(v.Members); i++ {
		if v.Members[i-1].ID >= v.Members[i].ID {
			t.Fatal("members of a view are not in order")
		}
	}
}

func TestSupersededIsListedNoMoreWhereItBegan(t *testing.T) {
	moved := func(epoch uint64, address string) *config.MemberSet {
		s := testSet(epoch, 2, 2, config.Active)
		s.Members[0].Address = address
		return s
	}
	home := testSet(1, 2, 2, config.Active).Members[0].Address
	gone := testSet(9, 2, 2, config.Active)
	gone.Members = gone.Members[1:]
	tests := map[string]struct {
		sets []*config.MemberSet
		want bool
	}{
		"not listed yet":    {[]*config.MemberSet{gone}, false},
		"listed":            {[]*config.MemberSet{moved(1, home)}, false},
		"gone":              {[]*config.MemberSet{moved(1, home), gone}, true},
		"listed elsewhere":  {[]*config.MemberSet{moved(1, home), moved(2, "192.0.2.9")}, true},
		"listed once again": {[]*config.MemberSet{moved(1, home), gone, moved(10, home)}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := NewMembership(1, 10, 0)
			for _, s := range tt.sets {
				m.SetChanged(0, s)
			}
			if got := m.View().Superseded; got != tt.want {
				t.Errorf("superseded %v, want %v", got, tt.want)
			}
		})
	}
}

// TestEndedIsWhoseAddressRefuses: until it is up again, or lost in silence.
func TestEndedIsWhoseAddressRefuses(t *testing.T) {
	m := NewMembership(1, 10, 0)
	m.SetChanged(0, testSet(1, 2, 2, config.Active))
	ended := func() bool {
		two, _ := m.View().Member(2)
		return two.Ended
	}
	m.PeerUp(0, 2, 20, true, false)
	if v := m.PeerEnded(0, 2, "refused"); v == nil || v.Up(2) || !ended() {
		t.Errorf("refused: %+v", v)
	}
	if m.PeerUp(0, 2, 21, true, false); ended() {
		t.Error("up, and ended")
	}
	if m.PeerDown(0, 2, "silent"); ended() {
		t.Error("silent is taken for ended")
	}
}

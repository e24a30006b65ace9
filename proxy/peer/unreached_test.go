package peer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// TestUnreachedNamesTheEvicted: a member that the operator evicted, and so
// publishes as joining, is reported for as long as it is not reached.
func TestUnreachedNamesTheEvicted(t *testing.T) {
	m := cluster.NewMembership(1, 11, 0)
	set := func(epoch uint64, third config.MemberState) *config.MemberSet {
		s := &config.MemberSet{Epoch: epoch, Ring: config.Ring{Partitions: 64, Replicas: 2}}
		for i, state := range []config.MemberState{config.Active, config.Active, third} {
			s.Members = append(s.Members, config.Member{ID: uint32(i + 1), Name: string(rune('a' + i)), Address: "10.0.0." + string(rune('1'+i)), State: state})
		}
		return s
	}
	check := func(when string, want []uint32) {
		t.Helper()
		if d := cmp.Diff(want, unreached(m.View())); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	m.SetChanged(0, set(1, config.Active))
	m.PeerUp(1, 2, 22, true, false)
	m.PeerUp(1, 3, 33, true, false)
	check("all up", nil)
	m.PeerDown(2, 3, "cut off")
	check("cut off", []uint32{3})
	m.SetChanged(3, set(2, config.Joining))
	check("evicted", []uint32{3})
	m.PeerUp(4, 3, 33, true, false)
	check("reached again", nil)
}

package membership

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// pod is a ready pod with the ID.
func pod(id uint32, change ...func(*Pod)) Pod {
	p := Pod{
		ID: id, Name: fmt.Sprintf("ring-%d", id-1), UID: fmt.Sprintf("uid-%d", id), Address: fmt.Sprintf("10.0.0.%d", id),
		Port: 5060, Node: fmt.Sprintf("node-%d", id), Ready: true, Running: true, Started: start,
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

func notReady(p *Pod) { p.Ready = false }
func deleting(p *Pod) { p.Deleting = true }
func ended(p *Pod)    { p.Ready, p.Running = false, false }
func finished(p *Pod) { p.Ready, p.Running, p.Finished = false, false, true }
func homeless(p *Pod) { p.Address = "" }
func moved2(p *Pod)   { p.Address = "10.9.9.9" }
func member(id uint32, state config.MemberState) config.Member {
	p := pod(id)
	return config.Member{ID: id, Name: p.Name, Address: p.Address, Node: p.Node, State: state}
}

func set(epoch uint64, members ...config.Member) *config.MemberSet {
	return &config.MemberSet{Epoch: epoch, Ring: testRing, Members: members}
}

var testRing = config.Ring{Partitions: 16384, Replicas: 2}

func all(n int, state config.MemberState) []config.Member {
	var ms []config.Member
	for id := range n {
		ms = append(ms, member(uint32(id+1), state))
	}
	return ms
}

func TestNextStates(t *testing.T) {
	three := set(7, all(3, config.Active)...)
	goneNode := []Node{{Name: "node-2", Lost: true, Deleted: true}}
	lostNode := []Node{{Name: "node-2", Lost: true}}
	tests := map[string]struct {
		previous *config.MemberSet
		pods     []Pod
		nodes    []Node
		want     []config.MemberState // of members 1, 2, 3; empty: not a member
		held     bool
	}{
		"first start: with an address, not ready":     {nil, []Pod{pod(1, notReady), pod(2, notReady, homeless), pod(3, notReady)}, nil, []config.MemberState{"joining", "", "joining"}, false},
		"ready joins the ring":                        {nil, []Pod{pod(1), pod(2, notReady), pod(3)}, nil, []config.MemberState{"active", "joining", "active"}, false},
		"crashed: out of the ring, joins again":       {three, []Pod{pod(1), pod(2, ended), pod(3)}, nil, []config.MemberState{"active", "joining", "active"}, false},
		"asked to go: drains while it runs":           {three, []Pod{pod(1), pod(2, deleting), pod(3)}, nil, []config.MemberState{"active", "draining", "active"}, false},
		"asked to go, not ready: drains too":          {three, []Pod{pod(1), pod(2, deleting, notReady), pod(3)}, nil, []config.MemberState{"active", "draining", "active"}, false},
		"asked to go and ended: gone":                 {three, []Pod{pod(1), pod(2, ended, deleting), pod(3)}, nil, []config.MemberState{"active", "", "active"}, false},
		"failed or succeeded: gone":                   {three, []Pod{pod(1), pod(2, finished), pod(3)}, nil, []config.MemberState{"active", "", "active"}, false},
		"no pod: gone":                                {three, []Pod{pod(1), pod(3)}, nil, []config.MemberState{"active", "", "active"}, false},
		"not ready, its process running: stays":       {three, []Pod{pod(1), pod(2, notReady), pod(3)}, nil, []config.MemberState{"active", "active", "active"}, false},
		"not ready, a successor: joins":               {three, []Pod{pod(1), pod(2, notReady, moved2), pod(3)}, nil, []config.MemberState{"active", "joining", "active"}, false},
		"node lost: stays":                            {three, []Pod{pod(1), pod(2), pod(3)}, lostNode, []config.MemberState{"active", "active", "active"}, false},
		"node lost: does not join though ready":       {set(7, all(1, config.Active)...), []Pod{pod(1), pod(2), pod(3)}, lostNode, []config.MemberState{"active", "joining", "active"}, false},
		"node lost: out once its process ended":       {three, []Pod{pod(1), pod(2, ended), pod(3)}, lostNode, []config.MemberState{"active", "joining", "active"}, false},
		"node lost: no draining there":                {three, []Pod{pod(1), pod(2, deleting), pod(3)}, lostNode, []config.MemberState{"active", "joining", "active"}, false},
		"node lost: gone with its pod":                {three, []Pod{pod(1), pod(3)}, lostNode, []config.MemberState{"active", "", "active"}, false},
		"node lost: gone once it ended":               {three, []Pod{pod(1), pod(2, ended, deleting), pod(3)}, lostNode, []config.MemberState{"active", "", "active"}, false},
		"node lost: an address given out again":       {three, []Pod{pod(1), pod(2), pod(3, func(p *Pod) { p.Address = "10.0.0.2" })}, lostNode, []config.MemberState{"active", "", "active"}, false},
		"node deleted: out":                           {three, []Pod{pod(1), pod(2), pod(3)}, goneNode, []config.MemberState{"active", "joining", "active"}, false},
		"node deleted, not marked lost: out":          {three, []Pod{pod(1), pod(2), pod(3)}, []Node{{Name: "node-2", Deleted: true}}, []config.MemberState{"active", "joining", "active"}, false},
		"node deleted: does not join":                 {set(7, all(1, config.Active)...), []Pod{pod(1), pod(2), pod(3)}, goneNode, []config.MemberState{"active", "joining", "active"}, false},
		"node deleted: no draining there":             {three, []Pod{pod(1), pod(2, deleting), pod(3)}, goneNode, []config.MemberState{"active", "joining", "active"}, false},
		"all nodes deleted: the last active stay":     {three, []Pod{pod(1), pod(2), pod(3)}, []Node{{Name: "node-1", Deleted: true}, {Name: "node-2", Deleted: true}, {Name: "node-3", Deleted: true}}, []config.MemberState{"active", "active", "active"}, true},
		"all not ready: the last active stay":         {three, []Pod{pod(1, notReady), pod(2, notReady), pod(3, notReady)}, nil, []config.MemberState{"active", "active", "active"}, true},
		"all not ready: not those asked to go":        {three, []Pod{pod(1, notReady), pod(2, deleting), pod(3, notReady)}, nil, []config.MemberState{"active", "draining", "active"}, true},
		"all not ready: not a successor":              {three, []Pod{pod(1, notReady), pod(2, notReady, moved2), pod(3, notReady)}, nil, []config.MemberState{"active", "joining", "active"}, true},
		"all not ready: those whose processes run":    {three, []Pod{pod(1, notReady), pod(2, notReady), pod(3, ended)}, nil, []config.MemberState{"active", "active", "joining"}, true},
		"all not ready: none of their processes runs": {three, []Pod{pod(1, ended), pod(2, ended), pod(3, ended)}, nil, []config.MemberState{"active", "active", "active"}, true},
		"all not ready: not who was joining": {
			set(7, member(1, config.Active), member(2, config.Joining)),
			[]Pod{pod(1, notReady), pod(2, notReady)},
			nil,
			[]config.MemberState{"active", "joining", ""},
			true,
		},
		"all not ready, one node lost: all stay":  {three, []Pod{pod(1, notReady), pod(2, notReady), pod(3, notReady)}, lostNode, []config.MemberState{"active", "active", "active"}, true},
		"all ended: those on lost nodes go first": {three, []Pod{pod(1, ended), pod(2, ended), pod(3, ended)}, lostNode, []config.MemberState{"active", "joining", "active"}, true},
		"all not ready: no running successor either": {
			three,
			[]Pod{pod(1, ended), pod(2, notReady, moved2), pod(3, ended)},
			nil,
			[]config.MemberState{"active", "joining", "active"},
			true,
		},
		"all nodes lost: the last active stay": {
			three,
			[]Pod{pod(1, notReady), pod(2), pod(3, notReady)},
			[]Node{{Name: "node-1", Lost: true}, {Name: "node-2", Lost: true}, {Name: "node-3", Lost: true}},
			[]config.MemberState{"active", "active", "active"},
			true,
		},
		"all asked to go: nobody is kept": {three, []Pod{pod(1, deleting), pod(2, deleting), pod(3, ended, deleting)}, nil, []config.MemberState{"draining", "draining", ""}, false},
		"an address given out again":      {three, []Pod{pod(1), pod(2, deleting), pod(3, func(p *Pod) { p.Address = "10.0.0.2" })}, nil, []config.MemberState{"active", "", "active"}, false},
		"an address that is none":         {nil, []Pod{pod(1, func(p *Pod) { p.Address = "ten" }), pod(2)}, nil, []config.MemberState{"", "active", ""}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Next(Input{Ring: testRing, Previous: tt.previous, Pods: tt.pods, Nodes: tt.nodes})
			got := make([]config.MemberState, 3)
			for _, m := range r.Set.Members {
				got[m.ID-1] = m.State
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("states (-want +got):\n%s", d)
			}
			if r.Held != tt.held {
				t.Errorf("held = %v, want %v", r.Held, tt.held)
			}
			if err := r.Set.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNextEpoch(t *testing.T) {
	two := set(7, all(2, config.Active)...)
	pods := []Pod{pod(2), pod(1)}
	tests := map[string]struct {
		in      Input
		epoch   uint64
		changed bool
	}{
		"first set is epoch 1":         {Input{Pods: pods}, 1, true},
		"first set of nobody":          {Input{}, 1, true},
		"the same set keeps its epoch": {Input{Previous: two, Pods: pods}, 7, false},
		"a change adds one":            {Input{Previous: two, Pods: pods[:1]}, 8, true},
		"a listener's address as well": {Input{Previous: two, Pods: pods, Listeners: []config.ListenerAddress{{Name: "trunks", Advertise: "192.0.2.1:5070"}}}, 8, true},
		"the address is part of it":    {Input{Previous: two, Pods: pods, Advertise: "192.0.2.1:5060"}, 8, true},
		"the second one, too":          {Input{Previous: two, Pods: pods, Second: "2001:db8::1"}, 8, true},
		"a zone is part of it":         {Input{Previous: two, Pods: pods, Nodes: []Node{{Name: "node-1", Zone: "a"}}}, 8, true},
		"a lost record: above the floor": {
			Input{Floor: 1007, Pods: pods}, 1008, true,
		},
		"a floor above the record": {Input{Previous: two, Floor: 9, Pods: pods}, 10, true},
		"a floor below the record": {Input{Previous: two, Floor: 5, Pods: pods}, 7, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.in.Ring = testRing
			r := Next(tt.in)
			if r.Set.Epoch != tt.epoch || r.Changed != tt.changed {
				t.Errorf("epoch %d changed %v, want %d %v", r.Set.Epoch, r.Changed, tt.epoch, tt.changed)
			}
		})
	}
}

func TestNextKeepsZoneOfUnknownNode(t *testing.T) {
	nodes := []Node{{Name: "node-1", Zone: "a"}}
	first := Next(Input{Ring: testRing, Pods: []Pod{pod(1)}, Nodes: nodes})
	again := Next(Input{Ring: testRing, Pods: []Pod{pod(1)}, Previous: first.Set})
	if again.Changed {
		t.Errorf("a node that is not known at the moment changed the set: %+v", again.Set)
	}
	elsewhere := Next(Input{Ring: testRing, Pods: []Pod{pod(1, func(p *Pod) { p.Node = "node-9" })}, Previous: first.Set})
	if z := elsewhere.Set.Members[0].Zone; z != "" {
		t.Errorf("zone %q on another node, want none", z)
	}
}

func TestNextEndpoints(t *testing.T) {
	everyone := []Report{
		{Reporter: "ring-0", Suspects: []string{"ring-3"}, At: start},
		{Reporter: "ring-4", Suspects: []string{"ring-3"}, At: start},
	}
	r := Next(Input{
		Ring: testRing, Reports: everyone, Nodes: []Node{{Name: "node-1", Zone: "a"}, {Name: "node-7", Lost: true}, {Name: "node-8", Lost: true}},
		Pods: []Pod{pod(1), pod(2, notReady), pod(3, deleting), pod(4), pod(5), pod(6, deleting, notReady), pod(7), pod(8, deleting)},
	})
	type traffic struct{ Ready, Serving, Terminating bool }
	want := map[string]traffic{
		"ring-0": {true, true, false},
		"ring-1": {false, false, false},
		"ring-2": {false, true, true},
		"ring-3": {false, false, false},
		"ring-4": {true, true, false},
		"ring-5": {false, false, true},
		"ring-6": {false, false, false},
		"ring-7": {false, false, true},
	}
	got := map[string]traffic{}
	for _, e := range r.Endpoints {
		got[e.Name] = traffic{e.Ready, e.Serving, e.Terminating}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("endpoints (-want +got):\n%s", d)
	}
	first := Endpoint{ID: 1, Name: "ring-0", UID: "uid-1", Address: "10.0.0.1", Port: 5060, Node: "node-1", Zone: "a", Ready: true, Serving: true}
	if d := cmp.Diff(first, r.Endpoints[0]); d != "" {
		t.Errorf("endpoint (-want +got):\n%s", d)
	}
}

package membership

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

func TestChanges(t *testing.T) {
	three := set(7, all(3, config.Active)...)
	type change struct {
		Kind  Kind
		Name  string
		Cause Cause
	}
	ring := change{Kind: RingChanged}
	tests := map[string]struct {
		previous *config.MemberSet
		in       Input
		want     []change
	}{
		"nothing":             {three, Input{Pods: pods(3)}, nil},
		"first of nobody":     {nil, Input{Pods: []Pod{pod(1, notReady)}}, nil},
		"first of all":        {nil, Input{Pods: []Pod{pod(1), pod(2, notReady)}}, []change{{Joined, "ring-0", ""}, ring}},
		"joining is no event": {three, Input{Pods: append(pods(3), pod(4, notReady))}, nil},
		"joined":              {three, Input{Pods: pods(4)}, []change{{Joined, "ring-3", ""}, ring}},
		"ended":               {three, Input{Pods: []Pod{pod(1), pod(2, ended), pod(3)}}, []change{{Lost, "ring-1", NotReady}, ring}},
		"not ready":           {three, Input{Pods: []Pod{pod(1), pod(2, notReady), pod(3)}}, nil},
		"gone":                {three, Input{Pods: []Pod{pod(1), pod(3)}}, []change{{Lost, "ring-1", Gone}, ring}},
		"its node is deleted": {three, Input{Pods: pods(3), Nodes: []Node{{Name: "node-2", Lost: true, Deleted: true}}}, []change{{Lost, "ring-1", NodeDeleted}, ring}},
		"its node is lost":    {three, Input{Pods: pods(3), Nodes: []Node{{Name: "node-2", Lost: true}}}, nil},
		"and it is missed": {
			three,
			Input{Pods: pods(3), Nodes: []Node{{Name: "node-2", Lost: true}}, Reports: []Report{report("ring-0", "ring-1"), report("ring-2", "ring-1")}},
			[]change{{Lost, "ring-1", NodeLost}, ring},
		},
		"drains":              {three, Input{Pods: []Pod{pod(1), pod(2, deleting), pod(3)}}, []change{{Draining, "ring-1", ""}, ring}},
		"left after draining": {set(8, member(1, config.Active), member(2, config.Draining)), Input{Pods: pods(1)}, []change{{Left, "ring-1", ""}}},
		"gave up joining":     {set(8, member(1, config.Active), member(2, config.Joining)), Input{Pods: pods(1)}, nil},
		"evicted": {
			three,
			Input{Pods: pods(3), Reports: []Report{report("ring-0", "ring-1"), report("ring-2", "ring-1")}},
			[]change{{Lost, "ring-1", Evicted}, ring},
		},
		"evicted, and its process ended": {
			three,
			Input{Pods: pods(3), Reports: []Report{refused("ring-0", "ring-1"), refused("ring-2", "ring-1")}},
			[]change{{Lost, "ring-1", NotReady}, ring},
		},
		"of whom one says that it ended": {
			three,
			Input{Pods: pods(3), Reports: []Report{refused("ring-0", "ring-1"), report("ring-2", "ring-1")}},
			[]change{{Lost, "ring-1", Evicted}, ring},
		},
		"and that of one who ended himself": {
			three,
			Input{Pods: restarted(pods(3), 1, start.Add(time.Hour)), Reports: []Report{refused("ring-0", "ring-1"), report("ring-2", "ring-1"), report("ring-1")}},
			nil,
		},
		"replaced unseen":   {three, Input{Pods: []Pod{pod(1), pod(2, moved2), pod(3)}}, []change{{Lost, "ring-1", Gone}, {Joined, "ring-1", ""}}},
		"another zone":      {three, Input{Pods: pods(3), Nodes: []Node{{Name: "node-1", Zone: "b"}}}, []change{ring}},
		"another address":   {three, Input{Pods: pods(3), Advertise: "192.0.2.1"}, nil},
		"other ring copies": {set(7), Input{Ring: config.Ring{Partitions: 16384, Replicas: 3}}, []change{ring}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.in.Previous = tt.previous
			if tt.in.Ring == (config.Ring{}) {
				tt.in.Ring = testRing
			}
			var got []change
			for _, c := range Next(tt.in).Changes {
				got = append(got, change{c.Kind, c.Member.Name, c.Cause})
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
		})
	}
}

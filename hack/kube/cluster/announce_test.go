//go:build linux

package cluster

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

func endpoint(node string, ready, serving *bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		NodeName:   &node,
		Conditions: discoveryv1.EndpointConditions{Ready: ready, Serving: serving},
	}
}

func TestNodesThatAnnounce(t *testing.T) {
	yes, no := new(true), new(false)
	tests := map[string]struct {
		local     bool
		endpoints []discoveryv1.Endpoint
		misses    map[string]int
		want      []string
	}{
		"cluster policy: all": {
			want: []string{"node1", "node2", "node3"},
		},
		"cluster policy: all but the silent": {
			misses: map[string]int{"node2": probeMisses},
			want:   []string{"node1", "node3"},
		},
		"one probe missed is not silence": {
			misses: map[string]int{"node2": probeMisses - 1},
			want:   []string{"node1", "node2", "node3"},
		},
		"local policy: those with a serving endpoint": {
			local: true,
			endpoints: []discoveryv1.Endpoint{
				endpoint("node3", yes, yes), endpoint("node1", no, yes), endpoint("node2", no, no),
			},
			want: []string{"node1", "node3"},
		},
		"local policy: unset means ready": {
			local:     true,
			endpoints: []discoveryv1.Endpoint{endpoint("node2", nil, nil)},
			want:      []string{"node2"},
		},
		"local policy: serving but silent": {
			local:     true,
			endpoints: []discoveryv1.Endpoint{endpoint("node2", yes, yes)},
			misses:    map[string]int{"node2": probeMisses},
			want:      []string{},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := cache.NewStore(cache.MetaNamespaceKeyFunc)
			slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "s"}, Endpoints: test.endpoints}
			if err := store.Add(slice); err != nil {
				t.Fatal(err)
			}
			a := &announcer{
				cluster: &Cluster{state: &state{Options: Options{Nodes: 3}}},
				local:   test.local, slices: store, misses: test.misses,
			}
			if diff := cmp.Diff(test.want, append([]string{}, a.serving()...)); diff != "" {
				t.Errorf("nodes (-want +got):\n%s", diff)
			}
		})
	}
}

// A node that comes is routed to when it passes on what comes; one that is routed to
// stays so as long as it announces.
func TestNodesThatAreRoutedTo(t *testing.T) {
	all := []string{"node1", "node2", "node3"}
	for name, test := range map[string]struct {
		local        bool
		routed       []string
		passes, want string
	}{
		"no rules yet":                    {true, []string{"node1"}, "node2", "node1 node2"},
		"all there were stay":             {true, all, "", "node1 node2 node3"},
		"nobody else":                     {true, nil, "node3", "node3"},
		"cluster policy: any node serves": {false, nil, "", "node1 node2 node3"},
	} {
		a := &announcer{local: test.local, routed: test.routed, passes: func(_ context.Context, node string) bool { return node == test.passes }}
		if got := strings.Join(a.follow(t.Context(), slices.Clone(all)), " "); got != test.want {
			t.Errorf("%s: routed to %q, want %q", name, got, test.want)
		}
	}
}

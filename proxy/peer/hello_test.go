package peer

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// TestHelloOfAnotherRing: members that place bindings differently must not
// exchange any.
func TestHelloOfAnotherRing(t *testing.T) {
	of := func(r *config.Ring) *hello {
		return &hello{Version: protocolVersion, Cluster: "ring", ID: 2, Name: "ring-1", Incarnation: 7, Ring: r}
	}
	ours := config.Ring{Partitions: 64, Replicas: 2, Seed: ring.Seed{1}}
	seed, none, partitions, replicas := ours, ours, ours, ours
	seed.Seed, none.Seed, partitions.Partitions, replicas.Replicas = ring.Seed{2}, ring.Seed{}, 128, 3
	for name, c := range map[string]struct {
		theirs, ours *config.Ring
		reason       string
	}{
		"the same":               {&ours, &ours, ""},
		"more replicas":          {&replicas, &ours, ""},
		"they have none yet":     {nil, &ours, ""},
		"we have none yet":       {&ours, nil, ""},
		"another seed":           {&seed, &ours, "another ring: ring.seed"},
		"no seed":                {&none, &ours, "another ring: ring.seed"},
		"another number of arcs": {&partitions, &ours, "another ring: ring.partitions is 128 in place of 64"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(of(c.theirs))
			if err != nil {
				t.Fatal(err)
			}
			theirs, self := &hello{}, of(c.ours)
			self.ID = 1
			if err := json.Unmarshal(text, theirs); err != nil {
				t.Fatal(err)
			}
			if err := theirs.check(self); (err == nil) != (c.reason == "") || err != nil && !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%v, want %q", err, c.reason)
			}
		})
	}
}

package memberset

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

func TestGate(t *testing.T) {
	type offer struct{ feed, content string }
	for rule, c := range map[string]struct {
		offers []offer
		want   []uint64
		counts Counters
	}{
		"the first set counts, whatever its epoch":  {[]offer{{"file", content(0, "a")}}, []uint64{0}, Counters{Applied: 1}},
		"a newer set replaces":                      {[]offer{{"file", content(1, "a")}, {"file", content(9, "a")}}, []uint64{1, 9}, Counters{Applied: 2}},
		"the newest epoch wins over all feeds":      {[]offer{{"file", content(1, "a")}, {"api", content(3, "a")}, {"file", content(2, "a")}}, []uint64{1, 3}, Counters{Applied: 2, Older: 1}},
		"the same set by two feeds counts once":     {[]offer{{"api", content(3, "a")}, {"file", content(3, "a") + "\n"}}, []uint64{3}, Counters{Applied: 1}},
		"the same epoch with other content":         {[]offer{{"api", content(3, "a")}, {"file", content(3, "b")}}, []uint64{3}, Counters{Applied: 1, Conflicting: 1}},
		"another number of partitions":              {[]offer{{"api", content(3, "a")}, {"api", ringContent(`"partitions": 64`)}}, []uint64{3}, Counters{Applied: 1, Conflicting: 1}},
		"another seed":                              {[]offer{{"api", content(3, "a")}, {"api", ringContent(`"seed": "01000000000000000000000000000000"`)}}, []uint64{3}, Counters{Applied: 1, Conflicting: 1}},
		"more replicas":                             {[]offer{{"api", content(3, "a")}, {"api", ringContent(`"replicas": 3`)}}, []uint64{3, 9}, Counters{Applied: 2}},
		"broken content leaves the last set":        {[]offer{{"file", content(1, "a")}, {"file", "{"}, {"file", content(2, "a")}}, []uint64{1, 2}, Counters{Applied: 2, Invalid: 1}},
		"nothing at all is broken content":          {[]offer{{"api", ""}}, nil, Counters{Invalid: 1}},
		"a set that says no sense is broken":        {[]offer{{"api", content(3, "")}}, nil, Counters{Invalid: 1}},
		"a repetition of broken content is no news": {[]offer{{"api", "{"}, {"api", "{"}, {"file", "{"}}, nil, Counters{Invalid: 2}},
		"a repetition of an older set is no news":   {[]offer{{"api", content(3, "a")}, {"file", content(2, "a")}, {"file", content(2, "a")}}, []uint64{3}, Counters{Applied: 1, Older: 1}},
	} {
		t.Run(rule, func(t *testing.T) {
			var got []uint64
			log := &journal{}
			g := newGate(nil, log.logger())
			g.apply = func(s *config.MemberSet) { got = append(got, s.Epoch) }
			for _, o := range c.offers {
				g.offer(o.feed, []byte(o.content))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("applied epochs (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.counts, g.snapshot()); d != "" {
				t.Errorf("counters (-want +got):\n%s", d)
			}
			if n := log.count("level=WARN"); n != int(c.counts.Invalid+c.counts.Conflicting) {
				t.Errorf("%d warnings, want one for each content that is wrong", n)
			}
		})
	}
}

// ringContent is a set of epoch 9 whose ring has that.
func ringContent(ring string) string {
	return fmt.Sprintf(`{"epoch": 9, "ring": {%s}, "members": [{"id": 1, "name": "a", "address": "192.0.2.1", "state": "active"}]}`, ring)
}

// TestGateWeighsAgain: what was not believed is handed on when it is, though no feed
// says anything new.
func TestGateWeighsAgain(t *testing.T) {
	signer, later := config.NewKeys(), config.NewKeys()
	trusted := signer
	log := &journal{}
	g := newGate(func(content []byte) (*config.MemberSet, error) {
		return trusted.Trust("voice/ring/1").ParseMemberSet(content)
	}, log.logger())
	var got []uint64
	g.use(func(s *config.MemberSet) { got = append(got, s.Epoch) })
	sign := func(keys *config.Keys, epoch uint64) []byte {
		t.Helper()
		set, err := config.ParseMemberSet([]byte(content(epoch, "a")))
		if err != nil {
			t.Fatal(err)
		}
		if set, err = keys.Sign("voice/ring/1", set); err != nil {
			t.Fatal(err)
		}
		b, err := set.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	g.offer("api", []byte(content(1, "a"))) // nobody signed it
	g.offer("api", sign(signer, 2))
	g.offer("file", sign(signer, 2))
	g.offer("api", sign(later, 3))
	g.again()
	if d := cmp.Diff([]uint64{2}, got); d != "" {
		t.Errorf("handed on (-want +got):\n%s", d)
	}
	trusted = later
	g.again()
	if d := cmp.Diff([]uint64{2, 3}, got); d != "" {
		t.Errorf("handed on (-want +got):\n%s", d)
	}
	if c := g.snapshot(); c.Unsigned != 4 || c.Applied != 2 { // 1, 3 twice, and 2 by the key of before
		t.Errorf("counters: %+v", c)
	}
}

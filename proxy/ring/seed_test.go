package ring

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/ring/ringtest"
)

// TestSeedIsSipHash: the vector of the paper's appendix A.
func TestSeedIsSipHash(t *testing.T) {
	seed, message := Seed{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	if got := seed.Hash(message); got != 0xa129ca6149be45e5 {
		t.Errorf("%#x", got)
	}
}

func TestSeedAsText(t *testing.T) {
	type holder struct {
		Seed Seed `json:"seed,omitzero"`
	}
	some := Seed{0: 0xab, 15: 0x01}
	for name, c := range map[string]struct {
		text string
		want Seed
		ok   bool
	}{
		"some":        {`{"seed":"ab000000000000000000000000000001"}`, some, true},
		"capitals":    {`{"seed":"AB000000000000000000000000000001"}`, some, true},
		"absent":      {`{}`, Seed{}, true},
		"empty":       {`{"seed":""}`, Seed{}, true},
		"zero":        {`{"seed":"00000000000000000000000000000000"}`, Seed{}, true},
		"too short":   {`{"seed":"ab"}`, Seed{}, false},
		"too long":    {`{"seed":"ab00000000000000000000000000000100"}`, Seed{}, false},
		"a number":    {`{"seed":7}`, Seed{}, false},
		"not a digit": {`{"seed":"xb000000000000000000000000000001"}`, Seed{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var h holder
			if err := json.Unmarshal([]byte(c.text), &h); (err == nil) != c.ok || c.ok && h.Seed != c.want {
				t.Fatalf("%v, %v", h.Seed, err)
			}
			if !c.ok {
				return
			}
			text, err := json.Marshal(h)
			again := holder{}
			if err != nil || json.Unmarshal(text, &again) != nil || again != h || h.Seed.IsZero() != (string(text) == "{}") {
				t.Errorf("written as %s", text)
			}
		})
	}
}

// TestSeedSpreadsWhatCollidesWithoutIt: 4096 users that have one hash without a
// seed lie in no more partitions than one then, and under any seed as others do.
func TestSeedSpreadsWhatCollidesWithoutIt(t *testing.T) {
	users := ringtest.Colliding(8, "example.com")
	fullest := func(s Seed) (most int, hashes int) {
		in, all := map[int]int{}, map[uint64]bool{}
		for _, aor := range users {
			hash := s.Hash(aor)
			all[hash] = true
			p := Partition(hash, DefaultPartitions)
			in[p]++
			most = max(most, in[p])
		}
		return most, len(all)
	}
	if most, hashes := fullest(Seed{}); len(users) != 4096 || most != 4096 || hashes != 1 {
		t.Fatalf("%d users do not collide: %d hashes, %d in a partition", len(users), hashes, most)
	}
	for n := range byte(8) {
		// Of as many drawn at random seven meet in a partition once in seven thousand seeds.
		if most, hashes := fullest(Seed{n, 1}); most > 6 || hashes != 4096 {
			t.Errorf("under seed %d: %d hashes, %d in a partition", n, hashes, most)
		}
	}
}

// FuzzSeed: what is read as a seed is written as it was, but for its case.
func FuzzSeed(f *testing.F) {
	for _, s := range []string{"", "000102030405060708090A0b0c0d0e0f", "00000000000000000000000000000000", "000102030405060708090a0b0c0d0e0", "000102030405060708090a0b0c0d0e0g"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Seed
		if err := s.UnmarshalText(text); err != nil {
			return
		}
		if got := s.String(); got != strings.ToLower(string(text)) && (len(text) > 0 || !s.IsZero()) {
			t.Fatalf("%q is %q", text, got)
		}
	})
}

package ring

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cespare/xxhash/v2"
	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata anew: changes the contract between versions")

// vectors are what another implementation of the ring needs to prove itself.
type vectors struct {
	Hashes []hashVector  `json:"hashes"`
	Tables []tableVector `json:"tables"`
}

type hashVector struct {
	Seed      Seed   `json:"seed,omitzero"`
	AOR       string `json:"aor"`
	Hash      string `json:"hash"`      // hexadecimal
	Partition int    `json:"partition"` // of DefaultPartitions
}

type tableVector struct {
	Name       string     `json:"name"`
	Members    []Member   `json:"members"`
	Partitions int        `json:"partitions"`
	Replicas   int        `json:"replicas"`
	First      [][]uint32 `json:"first"`  // owners of the first 16 partitions
	Digest     string     `json:"digest"` // xxhash64 of all owners as big-endian 32-bit words
}

func currentVectors() vectors {
	v := vectors{}
	aors := []string{
		"", "sip:alice@example.com", "sip:bob@example.com", "sip:+15551234567@example.com",
		"sip:alice@192.0.2.1", "sip:alice@[2001:db8::1]", "sip:alice@example.com:5070", "sip:\xc3\xa9@example.com",
		"sip:a.user.with.a.name.longer.than.thirty.two.bytes@voice.example.com",
	}
	for _, seed := range []Seed{{}, {15: 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}} {
		for _, aor := range aors {
			hash := seed.Hash([]byte(aor))
			v.Hashes = append(v.Hashes, hashVector{seed, aor, fmt.Sprintf("%016x", hash), Partition(hash, DefaultPartitions)})
		}
	}
	v.table("three members", numbered(3), DefaultPartitions, 2)
	v.table("three members in two zones", numbered(3, "a", "b"), DefaultPartitions, 2)
	v.table("nine members in three zones", numbered(9, "a", "b", "c"), DefaultPartitions, 2)
	v.table("four owners in two zones", numbered(7, "a", "b"), 1024, 4)
	v.table("known and unknown zones", numbered(6, "a", "", "a"), 1024, 2)
	v.table("far numbers", []Member{{ID: 1}, {ID: 1 << 16}, {ID: 1<<32 - 1}}, 1000, 2)
	v.table("two of three on one node", []Member{{ID: 1, Node: "m"}, {ID: 2, Node: "m"}, {ID: 3, Node: "n"}}, 1024, 2)
	v.table("a hundred members", numbered(100), DefaultPartitions, 3)
	return v
}

func (v *vectors) table(name string, members []Member, partitions, replicas int) {
	t := Build(members, partitions, replicas)
	tv := tableVector{Name: name, Members: members, Partitions: partitions, Replicas: replicas}
	digest := xxhash.New()
	for p := range t.Partitions() {
		if p < 16 {
			tv.First = append(tv.First, t.Owners(p))
		}
		for _, id := range t.Owners(p) {
			_, _ = digest.Write(binary.BigEndian.AppendUint32(nil, id))
		}
	}
	tv.Digest = fmt.Sprintf("%016x", digest.Sum64())
	v.Tables = append(v.Tables, tv)
}

// TestVectors pins the ring. Should it fail, pods of this version and of an
// earlier one disagree about owners: do not update the file to make it pass.
func TestVectors(t *testing.T) {
	file := filepath.Join("testdata", "vectors.json")
	got := currentVectors()
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want vectors
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the ring has changed (-pinned +now):\n%s", diff)
	}
}

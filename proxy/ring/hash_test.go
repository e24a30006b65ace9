package ring

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestPartitionAtItsEdges(t *testing.T) {
	tests := map[string]struct {
		hash       uint64
		partitions int
		want       int
	}{
		"start of the circle": {0, 16384, 0},
		"end of the circle":   {math.MaxUint64, 16384, 16383},
		"last of the first":   {1<<50 - 1, 16384, 0},
		"first of the second": {1 << 50, 16384, 1},
		"one partition":       {math.MaxUint64, 1, 0},
		"none":                {math.MaxUint64, 0, 0},
		"fewer than none":     {math.MaxUint64, -5, 0},
		"not a power of two":  {math.MaxUint64, 1000, 999},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Partition(tt.hash, tt.partitions); got != tt.want {
				t.Errorf("partition %d, want %d", got, tt.want)
			}
		})
	}
}

func TestPartitionIsTheArcTheHashLiesOn(t *testing.T) {
	circle := new(big.Int).Lsh(big.NewInt(1), 64)
	rapid.Check(t, func(t *rapid.T) {
		hash, n := rapid.Uint64().Draw(t, "hash"), rapid.IntRange(1, MaxPartitions).Draw(t, "partitions")
		want := new(big.Int).SetUint64(hash)
		want.Mul(want, big.NewInt(int64(n))).Div(want, circle)
		if got := Partition(hash, n); int64(got) != want.Int64() {
			t.Fatalf("partition %d, want %d", got, want)
		}
	})
}

// unmix undoes mix: each step of it is its own inverse or has one.
func unmix(x uint64) uint64 {
	x ^= x>>31 ^ x>>62
	x *= inverse(0x94d049bb133111eb)
	x ^= x>>27 ^ x>>54
	x *= inverse(0xbf58476d1ce4e5b9)
	x ^= x>>30 ^ x>>60
	return x
}

// inverse returns the inverse of an odd number modulo 2^64 by Newton's steps.
func inverse(odd uint64) uint64 {
	x := odd
	for range 6 {
		x *= 2 - odd*x
	}
	return x
}

// TestScoresNeverTie shows that the score of a partition is a bijection of the
// member's ID, so that no rule for ties is needed.
func TestScoresNeverTie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Uint64().Draw(t, "x")
		if got := unmix(mix(x)); got != x {
			t.Fatalf("unmix(mix(%#x)) = %#x", x, got)
		}
		p, id := rapid.IntRange(0, MaxPartitions).Draw(t, "partition"), rapid.Uint32().Draw(t, "id")
		seed := unmix(score(partitionSeed(p), memberSeed(id))) ^ partitionSeed(p)
		got := (unmix(seed) - 0x2545f4914f6cdd1d) * inverse(0xd1342543de82ef95)
		if got != uint64(id) {
			t.Fatalf("member %d of partition %d comes back as %d", id, p, got)
		}
	})
}

package ring

import (
	"cmp"
	"slices"
)

// Defaults of the ring, and the bounds within which Build keeps its parameters.
const (
	DefaultPartitions = 16384
	DefaultReplicas   = 2

	MaxPartitions = 1 << 20
	MaxReplicas   = 5
)

// Member is one proxy of the cluster as the ring sees it.
type Member struct {
	// ID is the member's number: stable and unique within the cluster, above 0.
	// Scores depend on it alone.
	ID uint32
	// Zone and Node are the failure domains the member runs in, the larger
	// first. Empty means unknown: an unknown zone is that of the node alone, an
	// unknown node is shared with nobody. A node is in one zone.
	Zone string
	Node string `json:",omitempty"`
}

// Table says which members own each partition. It is immutable and safe for
// concurrent use. The zero Table has no partitions and no owners.
type Table struct {
	partitions int
	replicas   int
	seats      int      // owners of each partition: min(replicas, members)
	members    []Member // by rising ID
	homed      []uint32 // partitions whose home is members[i]
	owners     []uint32 // IDs, seats to a partition
}

// Owners returns the IDs of the min(R, members) owners of partition p by
// falling score, the home first. It returns nil for a partition the table does
// not have or when there are no members. The slice belongs to the table: do
// not modify it. Owners does not allocate.
func (t *Table) Owners(p int) []uint32 {
	if uint(p) >= uint(t.partitions) || t.seats == 0 {
		return nil
	}
	i, j := p*t.seats, (p+1)*t.seats
	return t.owners[i:j:j]
}

// Home returns the first owner of partition p, the one that orders updates,
// and false if p has no owner.
func (t *Table) Home(p int) (uint32, bool) {
	owners := t.Owners(p)
	if len(owners) == 0 {
		return 0, false
	}
	return owners[0], true
}

// IsOwner reports whether the member id is among the owners of partition p.
func (t *Table) IsOwner(p int, id uint32) bool {
	return t.Rank(p, id) >= 0
}

// Rank returns the place of the member id among the owners of partition p, 0
// for the home, or -1 if it is not an owner.
func (t *Table) Rank(p int, id uint32) int {
	return slices.Index(t.Owners(p), id)
}

// Partitions returns the number of partitions.
func (t *Table) Partitions() int { return t.partitions }

// Replicas returns R as asked for, which may exceed the number of members.
func (t *Table) Replicas() int { return t.replicas }

// Members returns the members by rising ID. The slice belongs to the table: do
// not modify it.
func (t *Table) Members() []Member { return t.members }

// Share returns the part of the partitions, 0 to 1, whose home is the member
// id; 0 for a member the table does not have.
func (t *Table) Share(id uint32) float64 {
	i, ok := slices.BinarySearchFunc(t.members, id, byID)
	if !ok {
		return 0
	}
	return float64(t.homed[i]) / float64(t.partitions)
}

func byID(m Member, id uint32) int { return cmp.Compare(m.ID, id) }

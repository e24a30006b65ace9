package config

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sipring/sipring/proxy/ring"
)

// Ring holds the parameters of the hash ring. Partitions and Seed never change in
// a cluster's life.
type Ring struct {
	// Partitions of the hash circle. Default 16384.
	Partitions int `json:"partitions"`
	// Replicas is how many members hold each binding. Default 2.
	Replicas int `json:"replicas"`
	// Seed keys the hash that places addresses-of-record: NewSeed made it. Without
	// one anybody can register users that all lie in one partition.
	Seed ring.Seed `json:"seed,omitzero"`
}

// NewSeed makes the seed of a new cluster.
func NewSeed() (s ring.Seed) {
	_, _ = rand.Read(s[:]) // crypto/rand.Read never fails
	return s
}

// Follows says why a ring with these parameters cannot take the place of one with
// the old ones: each binding would have to move at once, and members would
// disagree where to. Such a change takes that all members stop and start again,
// empty.
func (r Ring) Follows(old Ring) error {
	switch {
	case r.Partitions != old.Partitions:
		return fmt.Errorf("ring.partitions is %d in place of %d, which needs all members stopped at once", r.Partitions, old.Partitions)
	case r.Seed != old.Seed:
		return errors.New("ring.seed is another one, which needs all members stopped at once")
	}
	return nil
}

// WithDefaults is r with the defaults in place of what is 0.
func (r Ring) WithDefaults() Ring {
	setDefault(&r.Partitions, ring.DefaultPartitions)
	setDefault(&r.Replicas, ring.DefaultReplicas)
	return r
}

func (r Ring) validate() error {
	var errs []error
	if r.Partitions < 1 || r.Partitions > ring.MaxPartitions {
		errs = append(errs, fmt.Errorf("member set: ring.partitions %d is not in 1..%d", r.Partitions, ring.MaxPartitions))
	}
	if r.Replicas < 1 || r.Replicas > ring.MaxReplicas {
		errs = append(errs, fmt.Errorf("member set: ring.replicas %d is not in 1..%d", r.Replicas, ring.MaxReplicas))
	}
	return errors.Join(errs...)
}

// Published is the ring of the set's active members. A proxy's own may differ by
// what it knows of them.
func (s *MemberSet) Published() *ring.Table {
	var active []ring.Member
	for _, m := range s.Members {
		if m.State == Active {
			active = append(active, ring.Member{ID: m.ID, Zone: m.Zone, Node: m.Node})
		}
	}
	return ring.Build(active, s.Ring.Partitions, s.Ring.Replicas)
}

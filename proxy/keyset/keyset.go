// Package keyset holds keys of one purpose that the members of a cluster share: several are
// valid at once, the first makes what all of them verify, and others replace them while
// they are in use.
package keyset

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Max is the most keys that may be valid at once.
const Max = 4

// Key is a secret that the members of one cluster share.
type Key struct {
	// ID names the key on the wire.
	ID uint8
	// Secret is 32 random bytes, used for nothing else.
	Secret [32]byte
}

// Keys are those that are valid now, with workplaces of type W that hold what is computed
// with them. It is safe for concurrent use, Replace included: who has a Set works with the
// keys that were valid when it was taken.
type Keys[W any] struct {
	purpose string
	place   func(of *Set[W], keys []Key) W
	valid   atomic.Pointer[Set[W]]
}

// Set is the keys that are valid at one time. It is immutable.
type Set[W any] struct {
	// IDs of the keys: the first is the current one.
	IDs  []uint8
	pool sync.Pool
}

// New takes the valid keys, 1 to Max of them, the current one first. IDs must be distinct
// and no secret may be all zero. The purpose is for errors; place makes a workplace for a
// Set and its keys, which it must not change.
func New[W any](purpose string, place func(of *Set[W], keys []Key) W, keys []Key) (*Keys[W], error) {
	k := &Keys[W]{purpose: purpose, place: place}
	if err := k.Replace(keys); err != nil {
		return nil, err
	}
	return k, nil
}

// Replace makes others the valid keys, as New takes them. On an error those of before stay.
// While keys are rotated, a member that is a step behind takes what one ahead makes if each
// new key is valid everywhere before it is the first anywhere.
func (k *Keys[W]) Replace(keys []Key) error {
	if len(keys) < 1 || len(keys) > Max {
		return fmt.Errorf("%s keys: %d keys, need 1 to %d", k.purpose, len(keys), Max)
	}
	s := &Set[W]{}
	for _, key := range keys {
		if slices.Contains(s.IDs, key.ID) {
			return fmt.Errorf("%s keys: id %d is there twice", k.purpose, key.ID)
		}
		if key.Secret == ([32]byte{}) {
			return fmt.Errorf("%s keys: the secret of id %d is empty", k.purpose, key.ID)
		}
		s.IDs = append(s.IDs, key.ID)
	}
	secrets := slices.Clone(keys)
	s.pool.New = func() any { return k.place(s, secrets) }
	k.valid.Store(s)
	return nil
}

// Current returns the ID of the key that things are made with.
func (k *Keys[W]) Current() uint8 { return k.valid.Load().IDs[0] }

// Take returns a workplace of the keys that are valid now. It is given back to its own Set.
func (k *Keys[W]) Take() W { return k.valid.Load().pool.Get().(W) }

// Put takes a workplace back, of keys that are valid or not any more.
func (s *Set[W]) Put(w W) { s.pool.Put(w) }

// Index returns the place of the key named id, or -1.
func (s *Set[W]) Index(id uint8) int { return slices.Index(s.IDs, id) }

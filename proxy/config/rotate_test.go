package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRotation: every step is valid, and whoever is a step behind or ahead
// verifies what the other signs.
func TestRotation(t *testing.T) {
	first := NewKeys()
	first.Keys[0].ID = 255
	verifies := func(k *Keys, signer Key) bool {
		for _, key := range k.Keys {
			if cmp.Equal(key, signer) {
				return true
			}
		}
		return false
	}
	before := first
	for _, step := range []func(*Keys) (*Keys, error){(*Keys).Added, (*Keys).Promoted, (*Keys).Retired} {
		after, err := step(before)
		if err != nil {
			t.Fatal(err)
		}
		if err := after.Validate(); err != nil {
			t.Fatal(err)
		}
		if !verifies(after, before.Keys[0]) || !verifies(before, after.Keys[0]) {
			t.Errorf("%v and %v do not understand each other", before, after)
		}
		before = after
	}
	if len(before.Keys) != 1 || before.Keys[0].ID != 0 || cmp.Equal(before.Keys[0].Secret, first.Keys[0].Secret) {
		t.Errorf("it ended with %d keys, the first of id %d", len(before.Keys), before.Keys[0].ID)
	}
	if len(first.Keys) != 1 || first.Keys[0].ID != 255 {
		t.Error("the rotation changed what it began with")
	}
}

func TestRotationRefuses(t *testing.T) {
	one := NewKeys()
	if _, err := one.Promoted(); err == nil {
		t.Error("promoted what is alone")
	}
	if _, err := one.Retired(); err == nil {
		t.Error("retired what is alone")
	}
	for range MaxKeys - 1 {
		var err error
		if one, err = one.Added(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Added(); err == nil || one.Validate() != nil {
		t.Errorf("%d keys: %v, another: %v", len(one.Keys), one.Validate(), err)
	}
}

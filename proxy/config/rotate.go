package config

import (
	"errors"
	"fmt"
)

// A rotation has three steps, each begun when every member has made the last:
// Added, Promoted, Retired. So members one step apart understand each other.

// Added is k with a fresh key behind, which only verifies.
func (k *Keys) Added() (*Keys, error) {
	if len(k.Keys) >= MaxKeys {
		return nil, fmt.Errorf("keys: %d are the most: retire some first", MaxKeys)
	}
	fresh := Key{ID: k.Keys[0].ID + 1, Secret: newSecret()}
	for k.has(fresh.ID) {
		fresh.ID++
	}
	return &Keys{Keys: append(k.Keys[:len(k.Keys):len(k.Keys)], fresh)}, nil
}

func (k *Keys) has(id uint8) bool {
	for _, key := range k.Keys {
		if key.ID == id {
			return true
		}
	}
	return false
}

// Promoted has the last key sign, and the others verify.
func (k *Keys) Promoted() (*Keys, error) {
	last := len(k.Keys) - 1
	if last < 1 {
		return nil, errors.New("keys: there is one key, and it signs: add another first")
	}
	return &Keys{Keys: append([]Key{k.Keys[last]}, k.Keys[:last]...)}, nil
}

// Retired is the key that signs, alone.
func (k *Keys) Retired() (*Keys, error) {
	if len(k.Keys) < 2 {
		return nil, errors.New("keys: there is one key, and it signs")
	}
	return &Keys{Keys: k.Keys[:1:1]}, nil
}

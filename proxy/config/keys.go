package config

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// SecretSize is the length of a key's secret in bytes.
const SecretSize = 32

// Keys is the content of keys.json: the cluster's shared secrets. The first
// signs, all verify, so that two are valid at once while they are rotated.
type Keys struct {
	Keys []Key `json:"keys"`
}

// Key is one shared secret.
type Key struct {
	// ID tells keys apart on the wire; unique among those in force.
	ID uint8 `json:"id"`
	// Secret is SecretSize random bytes (base64 in JSON).
	Secret []byte `json:"secret"`
}

// Purposes of derived keys.
const (
	// PurposeToken: Record-Route tokens and Via branches.
	PurposeToken = "sipring token v1" //nolint:gosec // a label, not a credential
	// PurposePeer: the identity of peer streams (mutual TLS).
	PurposePeer = "sipring peer v1"
	// PurposePeerProof: the word of who dials a peer that it holds a key.
	PurposePeerProof = "sipring peer proof v1"
)

// ParseKeys reads keys.json and validates it.
func ParseKeys(b []byte) (*Keys, error) {
	k := &Keys{}
	if err := json.Unmarshal(b, k); err != nil {
		return nil, errors.New("parse keys: not the JSON of keys.json") // the text could quote a secret
	}
	if len(k.Keys) < 1 || len(k.Keys) > 4 {
		return nil, fmt.Errorf("keys: %d keys, need 1 to 4", len(k.Keys))
	}
	seen := map[uint8]bool{}
	for i, key := range k.Keys {
		if len(key.Secret) != SecretSize {
			return nil, fmt.Errorf("keys[%d]: secret has %d bytes, needs %d", i, len(key.Secret), SecretSize)
		}
		if seen[key.ID] {
			return nil, fmt.Errorf("keys[%d]: id %d is there twice", i, key.ID)
		}
		seen[key.ID] = true
	}
	return k, nil
}

// NewKeys makes one fresh random key with ID 1.
func NewKeys() *Keys {
	s := make([]byte, SecretSize)
	_, _ = rand.Read(s) // crypto/rand.Read never fails
	return &Keys{Keys: []Key{{ID: 1, Secret: s}}}
}

// Marshal is the JSON of keys.json.
func (k *Keys) Marshal() ([]byte, error) {
	b, err := json.MarshalIndent(k, "", "  ")
	return append(b, '\n'), err
}

// Derive is the 32-byte key for one purpose (RFC 5869, HKDF-SHA256).
func (k Key) Derive(purpose string) []byte {
	d, err := hkdf.Key(sha256.New, k.Secret, nil, purpose, 32)
	if err != nil {
		panic(err) // only for lengths above 8160 bytes
	}
	return d
}

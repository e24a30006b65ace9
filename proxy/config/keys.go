package config

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// SecretSize is the length of a key's secret in bytes.
const SecretSize = 32

// Keys is the content of keys.json: the cluster's shared secrets. The first
// signs, all verify, so that two are valid at once while they are rotated. It gets no
// further fields: proxies of the version before would refuse them, and not start.
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
	// PurposeNonce: nonces of digest challenges.
	PurposeNonce = "sipring nonce v1"
)

// MaxKeys is the most keys that are valid at once.
const MaxKeys = 4

// ParseKeys reads keys.json and validates it. No error quotes a secret.
func ParseKeys(b []byte) (*Keys, error) {
	k := &Keys{}
	if err := decodeSecret(b, k); err != nil {
		return nil, errors.New("parse keys: not the JSON of keys.json")
	}
	if err := k.Validate(); err != nil {
		return nil, err
	}
	return k, nil
}

// decodeSecret reads one JSON value without unknown fields. The text of its
// error may quote what it reads.
func decodeSecret(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// Validate says what makes the keys unusable.
func (k *Keys) Validate() error {
	if len(k.Keys) < 1 || len(k.Keys) > MaxKeys {
		return fmt.Errorf("keys: %d keys, need 1 to %d", len(k.Keys), MaxKeys)
	}
	for i, key := range k.Keys {
		if err := checkSecret(key.Secret); err != nil {
			return fmt.Errorf("keys[%d]: %w", i, err)
		}
		for _, other := range k.Keys[:i] {
			if key.ID == other.ID {
				return fmt.Errorf("keys[%d]: id %d is there twice", i, key.ID)
			}
			if bytes.Equal(key.Secret, other.Secret) {
				return fmt.Errorf("keys[%d]: the secret of id %d again", i, other.ID)
			}
		}
	}
	return nil
}

// NewKeys makes one fresh random key with ID 1.
func NewKeys() *Keys { return &Keys{Keys: []Key{{ID: 1, Secret: newSecret()}}} }

func newSecret() []byte {
	s := make([]byte, SecretSize)
	_, _ = rand.Read(s) // crypto/rand.Read never fails
	return s
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

package config

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// PurposeMembers is for the Ed25519 key that signs member sets (RFC 8032). It is
// derived from the operator's own keys, which no proxy has.
const PurposeMembers = "sipring member set v1"

// maxSignatures bounds the signatures of a set, and so what a proxy verifies.
const maxSignatures = MaxKeys

// Signature of a member set by one key.
type Signature struct {
	// Key is the public key, 32 bytes.
	Key []byte `json:"key"`
	// Signature is 64 bytes.
	Signature []byte `json:"signature"`
}

// Trust is the content of trust.json: whose member sets a proxy believes. Sets that
// are signed by one of the keys for the cluster are, and no others. It gets no further
// fields: proxies of the version before would refuse them, and not start.
type Trust struct {
	// Cluster is what a signature names besides the set: NAMESPACE/NAME/UID of the
	// SIPCluster. A set of another cluster, or of an earlier one of the name, is
	// not believed.
	Cluster string `json:"cluster"`
	// Keys are the public keys, 1 to 4, of which one suffices: two while they are
	// rotated.
	Keys [][]byte `json:"keys"`
}

// ErrUnsigned says that a member set has no signature that is believed.
var ErrUnsigned = errors.New("member set: not signed by a key that is trusted for this cluster")

// ParseTrust reads trust.json and validates it.
func ParseTrust(b []byte) (*Trust, error) {
	t := &Trust{}
	if err := decodeSecret(b, t); err != nil {
		return nil, fmt.Errorf("parse trust: %w", err) // nothing of it is secret
	}
	return t, t.validate()
}

func (t *Trust) validate() error {
	if t.Cluster == "" || len(t.Cluster) > 512 {
		return errors.New("trust: cluster must have 1 to 512 characters")
	}
	if len(t.Keys) < 1 || len(t.Keys) > MaxKeys {
		return fmt.Errorf("trust: %d keys, need 1 to %d", len(t.Keys), MaxKeys)
	}
	for i, k := range t.Keys {
		if len(k) != ed25519.PublicKeySize {
			return fmt.Errorf("trust: keys[%d] has %d bytes, needs %d", i, len(k), ed25519.PublicKeySize)
		}
	}
	return nil
}

// Marshal is the JSON of trust.json.
func (t *Trust) Marshal() ([]byte, error) {
	b, err := json.MarshalIndent(t, "", "  ")
	return append(b, '\n'), err
}

// ParseMemberSet is ParseMemberSet for sets that are believed. What it reads is
// what was signed, to the byte: fields that this version does not know are covered
// too.
func (t *Trust) ParseMemberSet(b []byte) (*MemberSet, error) {
	content, signatures, err := splitSignatures(b)
	if err != nil {
		return nil, err
	}
	if !t.verify(content, signatures) {
		return nil, ErrUnsigned
	}
	set, err := ParseMemberSet(content)
	if err != nil {
		return nil, err
	}
	set.Signatures, set.read = signatures, bytes.Clone(b)
	return set, nil
}

// Believes tells whether the set carries a signature of one of the keys.
func (t *Trust) Believes(set *MemberSet) bool {
	b, err := set.AsRead()
	if err != nil {
		return false
	}
	content, signatures, err := splitSignatures(b)
	return err == nil && t.verify(content, signatures)
}

func (t *Trust) verify(content []byte, signatures []Signature) bool {
	message, err := signedMessage(t.Cluster, content)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(signatures, func(s Signature) bool {
		known := slices.ContainsFunc(t.Keys, func(k []byte) bool { return bytes.Equal(k, s.Key) })
		return known && ed25519.Verify(s.Key, message, s.Signature)
	})
}

// splitSignatures takes a set apart. The content comes back with its fields in
// order of their names, so that writing it anew changes nothing.
func splitSignatures(b []byte) (content []byte, signatures []Signature, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	tree := map[string]any{}
	if err := d.Decode(&tree); err != nil {
		return nil, nil, fmt.Errorf("parse member set: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("parse member set: more than one JSON value")
	}
	if raw, ok := tree["signatures"]; ok {
		text, err := json.Marshal(raw)
		if err != nil {
			return nil, nil, fmt.Errorf("parse member set: %w", err)
		}
		if err := json.Unmarshal(text, &signatures); err != nil {
			return nil, nil, fmt.Errorf("parse member set: signatures: %w", err)
		}
	}
	if len(signatures) > maxSignatures {
		return nil, nil, fmt.Errorf("member set: %d signatures, at most %d", len(signatures), maxSignatures)
	}
	delete(tree, "signatures")
	content, err = json.Marshal(tree)
	return content, signatures, err
}

// signedMessage is what a signature is of: the purpose, the cluster and the set,
// none of which can be taken for another.
func signedMessage(cluster string, content []byte) ([]byte, error) {
	return json.Marshal([]any{PurposeMembers, cluster, json.RawMessage(content)})
}

// Trust is whom a proxy of the cluster has to believe when k signs.
func (k *Keys) Trust(cluster string) *Trust {
	t := &Trust{Cluster: cluster}
	for _, key := range k.Keys {
		t.Keys = append(t.Keys, key.signer().Public().(ed25519.PublicKey))
	}
	return t
}

// Sign returns the set signed for the cluster by each of the keys, so that whoever
// believes one of them believes it.
func (k *Keys) Sign(cluster string, set *MemberSet) (*MemberSet, error) {
	signed := *set
	signed.Signatures, signed.read = nil, nil
	b, err := signed.Marshal()
	if err != nil {
		return nil, err
	}
	content, _, err := splitSignatures(b)
	if err != nil {
		return nil, err
	}
	message, err := signedMessage(cluster, content)
	if err != nil {
		return nil, err
	}
	for _, key := range k.Keys {
		signed.Signatures = append(signed.Signatures, sign(key, message))
	}
	return &signed, nil
}

func sign(key Key, message []byte) Signature {
	private := key.signer()
	return Signature{Key: private.Public().(ed25519.PublicKey), Signature: ed25519.Sign(private, message)}
}

func (k Key) signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Derive(PurposeMembers)) }

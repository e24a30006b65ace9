package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// purposeName is for the part of a key's name that tells it from any other of its ID.
const purposeName = "sipring key name v1"

// nameSize is how many bytes of a digest are in a name. They tell the few keys of a
// cluster apart, and nobody makes one that another one has without its secret.
const nameSize = 4

// maxKeyName bounds one name in an annotation, in bytes.
const maxKeyName = 16

// Name says which key it is without saying anything of its secret, as in 2-5f0c11d9:
// the ID, and a digest, as an ID is used again after a while.
func (k Key) Name() string {
	return fmt.Sprintf("%d-%s", k.ID, hex.EncodeToString(k.Derive(purposeName)[:nameSize]))
}

// Names of the keys: that of the one that signs first.
func (k *Keys) Names() []string {
	names := make([]string, 0, len(k.Keys))
	for _, key := range k.Keys {
		names = append(names, key.Name())
	}
	return names
}

// Names of the keys that are trusted, in their order.
func (t *Trust) Names() []string {
	names := make([]string, 0, len(t.Keys))
	for _, key := range t.Keys {
		sum := sha256.Sum256(key)
		names = append(names, hex.EncodeToString(sum[:nameSize]))
	}
	return names
}

// JoinKeyNames is AnnotationKeys or AnnotationTrust for the names.
func JoinKeyNames(names []string) string { return strings.Join(names, ",") }

// SplitKeyNames reads AnnotationKeys or AnnotationTrust, in which a proxy may write
// what it likes; nil where that is no list of names.
func SplitKeyNames(text string) []string {
	if text == "" || len(text) > MaxKeys*(maxKeyName+1) {
		return nil
	}
	names := strings.Split(text, ",")
	if len(names) > MaxKeys {
		return nil
	}
	return names
}

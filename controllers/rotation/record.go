package rotation

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Record is what is known of a rotation beside the keys. It lies in the annotation
// Annotation of their Secret.
type Record struct {
	// Request is the last one that was taken up.
	Request string `json:"request,omitempty"`
	// Key is the name of the key that the rotation brings; empty: none is under way.
	Key string `json:"key,omitempty"`
	// Retires are the names of the keys that go when it is done.
	Retires []string `json:"retires,omitempty"`
	// Keys are the names of those in the Secret, and Since is when they were first
	// seen there.
	Keys  []string  `json:"keys,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Signing is since when every proxy signs with Key; zero: not every one does.
	Signing time.Time `json:"signing,omitzero"`
	// Made are the times at which rotations made keys that are in the Secret, by the
	// keys' names. A version before does not keep them.
	Made map[string]time.Time `json:"made,omitempty"`
}

// made are the times of the keys with the names that stay; nil where none is known.
func (r Record) made(names []string) map[string]time.Time {
	var left map[string]time.Time
	for name, at := range r.Made {
		if slices.Contains(names, name) {
			if left == nil {
				left = map[string]time.Time{}
			}
			left[name] = at
		}
	}
	return left
}

// Annotation of a Secret of keys that holds the Record.
const Annotation = "sipring.io/rotation"

// ParseRecord reads Annotation. What is no record is that of a Secret whose keys were
// never rotated: somebody wrote over it.
func ParseRecord(text string) Record {
	var r Record
	if json.Unmarshal([]byte(text), &r) != nil {
		return Record{}
	}
	return r
}

// String is Annotation for the record.
func (r Record) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("rotation: %v", err)) // only for times beyond the year 9999
	}
	return string(b)
}

func (r Record) equal(other Record) bool { return reflect.DeepEqual(r, other) }

package config

import (
	"encoding/json"
	"errors"
)

// Open says that all is open. In a file it is {}, as in a SIPCluster, or true.
type Open bool

// UnmarshalJSON takes either; an object has to be empty.
func (o *Open) UnmarshalJSON(b []byte) error {
	var is bool
	if json.Unmarshal(b, &is) == nil {
		*o = Open(is)
		return nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(b, &object) != nil || len(object) > 0 {
		return errors.New("open is {} or true")
	}
	*o = true
	return nil
}

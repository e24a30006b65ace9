package config

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// keyFile is keys.json with the secrets, numbered from 1.
func keyFile(secrets ...[]byte) []byte {
	var keys []string
	for i, s := range secrets {
		keys = append(keys, fmt.Sprintf(`{"id": %d, "secret": %q}`, i+1, base64.StdEncoding.EncodeToString(s)))
	}
	return []byte(`{"keys": [` + strings.Join(keys, ", ") + `]}`)
}

func TestKeysRefuseWhatIsNotRandom(t *testing.T) {
	row := func(first, step byte) []byte {
		var b []byte
		for i := range SecretSize {
			b = append(b, first+byte(i)*step)
		}
		return b
	}
	random := NewKeys().Keys[0].Secret
	for name, tt := range map[string]struct {
		secret []byte
		want   string
	}{
		"nothing":             {nil, "has 0 bytes, needs 32"},
		"all zero":            {make([]byte, SecretSize), "is byte 0 throughout"},
		"all ones":            {bytes.Repeat([]byte{0xff}, SecretSize), "is byte 255 throughout"},
		"too short":           {random[:31], "has 31 bytes"},
		"a short one, filled": {append(bytes.Clone(random[:8]), make([]byte, 24)...), "different bytes"},
		"too long":            {append(bytes.Clone(random), 1), "has 33 bytes"},
		"counted up":          {row(0, 1), "row of numbers"},
		"counted down by 3":   {row(7, 253), "row of numbers"},
		"a byte in turn":      {bytes.Repeat([]byte{1, 2}, 16), "repeats itself"},
		"a half, twice":       {bytes.Repeat(random[:16], 2), "repeats itself"},
		"a third and more":    {bytes.Repeat(random[:11], 3)[:SecretSize], "repeats itself"},
		"a password":          {[]byte("passwordpasswordpassword12345678"), "different bytes"},
		"hexadecimal digits":  {[]byte("0d3b2a9f4c1e8d7b6a5f0e9c8b7a6d5e"), "different bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKeys(keyFile(random, tt.secret))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "keys[1]") {
				t.Errorf("%v, want keys[1] and %q", err, tt.want)
			}
			if err != nil && len(tt.secret) > 0 && strings.Contains(err.Error(), base64.StdEncoding.EncodeToString(tt.secret)[:8]) {
				t.Errorf("the error quotes the secret: %v", err)
			}
		})
	}
}

func TestKeysRefuse(t *testing.T) {
	a, b := NewKeys().Keys[0].Secret, NewKeys().Keys[0].Secret
	good := string(keyFile(a, b))
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":            {"", "not the JSON"},
		"no keys":            {`{"keys": []}`, "0 keys"},
		"five keys":          {string(keyFile(a, b, newSecret(), newSecret(), newSecret())), "5 keys"},
		"one id twice":       {strings.Replace(good, `"id": 2`, `"id": 1`, 1), "id 1 is there twice"},
		"one secret twice":   {string(keyFile(a, a)), "the secret of id 1 again"},
		"an unknown field":   {strings.Replace(good, `"keys"`, `"current": 2, "keys"`, 1), "not the JSON"},
		"a negative id":      {strings.Replace(good, `"id": 2`, `"id": -2`, 1), "not the JSON"},
		"an id above 255":    {strings.Replace(good, `"id": 2`, `"id": 256`, 1), "not the JSON"},
		"more than one file": {good + good, "not the JSON"},
		"what is no base64":  {`{"keys": [{"id": 1, "secret": "*"}]}`, "not the JSON"},
	} {
		if _, err := ParseKeys([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if k, err := ParseKeys([]byte(good + "\n")); err != nil || len(k.Keys) != 2 {
		t.Errorf("two good keys: %v", err)
	}
}

// FuzzKeys: what passes as keys.json is random, distinct and written as it is read.
func FuzzKeys(f *testing.F) {
	good, _ := NewKeys().Marshal() // plain data
	f.Add(good)
	f.Add(keyFile(make([]byte, SecretSize)))
	f.Add(keyFile(newSecret(), newSecret()))
	f.Add([]byte(`{"keys":[{"id":1,"secret":null}],"keys":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKeys(text)
		if err != nil {
			return
		}
		for i, key := range k.Keys {
			if len(key.Secret) != SecretSize || patternOf(key.Secret) != "" {
				t.Fatalf("key %d passes: %x", i, key.Secret)
			}
			if bytes.Equal(key.Derive(PurposePeer), key.Derive(PurposeToken)) {
				t.Fatal("two purposes have one key")
			}
		}
		again, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseKeys(again); err != nil {
			t.Fatalf("what it wrote it refuses: %v", err)
		}
	})
}

package keyset

import (
	"strings"
	"testing"
)

func key(id uint8) Key { return Key{ID: id, Secret: [32]byte{1, id}} }

func TestNewRefuses(t *testing.T) {
	tests := map[string]struct {
		keys []Key
		want string // in the error, empty for none
	}{
		"none":           {nil, "0 keys"},
		"one":            {[]Key{key(0)}, ""},
		"most":           {[]Key{key(1), key(2), key(3), key(255)}, ""},
		"too many":       {[]Key{key(1), key(2), key(3), key(4), key(5)}, "5 keys"},
		"the same twice": {[]Key{key(7), key(8), key(7)}, "id 7 is there twice"},
		"empty secret":   {[]Key{key(1), {ID: 2}}, "secret of id 2 is empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			keys, err := New("test", func(*Set[*int], []Key) *int { return new(int) }, tt.keys)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want == "" && keys.Current() != tt.keys[0].ID:
				t.Errorf("the current key is %d, want the first", keys.Current())
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), "test keys: ") || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestReplace: who has a workplace goes on with its keys, others get those of now; on an
// error those of before stay.
func TestReplace(t *testing.T) {
	type place struct {
		*Set[*place]
		keys []Key
	}
	given := []Key{key(1), key(2)}
	k, err := New("test", func(of *Set[*place], keys []Key) *place { return &place{of, keys} }, given)
	if err != nil {
		t.Fatal(err)
	}
	given[0] = Key{} // the caller's own
	old := k.Take()
	if err := k.Replace([]Key{key(2), key(3)}); err != nil {
		t.Fatal(err)
	}
	if old.Index(1) != 0 || old.Index(3) != -1 || old.keys[0] != key(1) {
		t.Errorf("what was taken has %v", old.IDs)
	}
	old.Put(old)
	if err := k.Replace(nil); err == nil {
		t.Error("no keys are keys")
	}
	for range 3 {
		if now := k.Take(); now.Index(1) != -1 || now.Index(3) != 1 || k.Current() != 2 {
			t.Errorf("what is taken has %v", now.IDs)
		}
	}
}

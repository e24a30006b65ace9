package config

import (
	"reflect"
	"testing"
)

// TestEqualLooksAtEverything: a field that is added to the set, its ring or its
// members, and forgotten here, would let two different sets pass for one.
func TestEqualLooksAtEverything(t *testing.T) {
	set := func() *MemberSet {
		return &MemberSet{
			Epoch: 1, Advertise: "a", Listeners: []ListenerAddress{{Name: "b", Advertise: "c"}}, Ring: Ring{Partitions: 1, Replicas: 1},
			Members: []Member{{ID: 1, Name: "m", State: Active}},
		}
	}
	if a, b := set(), set(); !a.Equal(b) || !a.SameContent(b) {
		t.Fatal("a set is not the same as its copy")
	}
	later := set()
	later.Epoch++
	if later.Equal(set()) || !later.SameContent(set()) {
		t.Error("the epoch is content, or no part of the set")
	}
	check := func(part string, of func(*MemberSet) reflect.Value) {
		for i := range of(set()).NumField() {
			name := of(set()).Type().Field(i).Name
			changed := set()
			if f := of(changed).Field(i); part+name == "set.Epoch" || part+name == "set.Signatures" || part+name == "set.read" {
				continue // who signed a set, and how it was written, is no part of what it says
			} else if !change(f) {
				t.Fatalf("%s%s: no way to change a %s", part, name, f.Type())
			}
			if changed.SameContent(set()) || changed.Equal(set()) {
				t.Errorf("%s%s makes no difference", part, name)
			}
		}
	}
	check("set.", func(s *MemberSet) reflect.Value { return reflect.ValueOf(s).Elem() })
	check("listener.", func(s *MemberSet) reflect.Value { return reflect.ValueOf(&s.Listeners[0]).Elem() })
	check("ring.", func(s *MemberSet) reflect.Value { return reflect.ValueOf(&s.Ring).Elem() })
	check("member.", func(s *MemberSet) reflect.Value { return reflect.ValueOf(&s.Members[0]).Elem() })
}

// change gives the value another one.
func change(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(v.Uint() + 1)
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Slice, reflect.Pointer:
		v.Set(reflect.Zero(v.Type()))
	case reflect.Array:
		return change(v.Index(0))
	case reflect.Struct:
		return change(v.Field(0))
	default:
		return false
	}
	return true
}

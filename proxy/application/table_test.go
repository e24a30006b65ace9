package application

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestTable(t *testing.T) {
	var table Table
	version := uint64(0)
	step := func(what string, changed, want bool) {
		t.Helper()
		now := table.Version()
		if changed != want || (now != version) != want || now < version {
			t.Errorf("%s: changed %v, version %d after %d", what, changed, now, version)
		}
		version = now
	}
	if table.Serves(1) || table.State(1) != Unknown || table.Version() != 0 {
		t.Error("an empty table knows something")
	}
	step("nothing of a member", table.Set(1, 7, Unknown), false)
	step("it serves", table.Set(1, 7, Serving), true)
	step("the same again", table.Set(1, 7, Serving), false)
	step("another member is down", table.Set(2, 3, Down), true)
	step("nothing of the same life", table.Set(1, 7, Unknown), false)
	if !table.Serves(1) || table.Serves(2) || table.Serves(3) || table.State(2) != Down {
		t.Error("it does not say what it was told")
	}
	step("it leaves", table.Set(1, 7, Leaving), true)
	if table.Serves(1) {
		t.Error("who leaves takes new calls")
	}
	step("nothing of a new life", table.Set(1, 8, Unknown), true)
	step("the new life serves", table.Set(1, 8, Serving), true)
	step("all are kept", table.Keep([]uint32{2, 1, 5}), false)
	step("one is not", table.Keep([]uint32{2, 5}), true)
	if table.Serves(1) || table.State(2) != Down {
		t.Error("the wrong one is forgotten")
	}
}

// TestTableIsAsTold by whatever is told, against a plain map.
func TestTableIsAsTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table Table
		told, version := map[uint32]known{}, uint64(0)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			before := fmt.Sprint(told)
			if rapid.IntRange(0, 9).Draw(t, "keep") == 0 {
				keep := rapid.SliceOfN(rapid.Uint32Range(1, 5), 0, 5).Draw(t, "members")
				left := map[uint32]known{}
				for _, id := range keep {
					if k, ok := told[id]; ok {
						left[id] = k
					}
				}
				told = left
				table.Keep(keep)
			} else {
				id, life := rapid.Uint32Range(1, 5).Draw(t, "id"), rapid.Uint32Range(1, 2).Draw(t, "life")
				s := State(rapid.IntRange(0, int(states)-1).Draw(t, "state"))
				if k, there := told[id]; s != Unknown || there && k.life != life {
					told[id] = known{life, s}
				}
				table.Set(id, life, s)
			}
			if changed := before != fmt.Sprint(told); (table.Version() != version) != changed {
				t.Fatalf("changed %v, version %d after %d", changed, table.Version(), version)
			}
			version = table.Version()
			for id := range uint32(6) {
				if table.State(id) != told[id].state || table.Serves(id) != (told[id].state == Serving) {
					t.Fatalf("member %d: %s, want %s", id, table.State(id), told[id].state)
				}
			}
		}
	})
}

// TestTableIsReadWhileItIsWritten (with -race).
func TestTableIsReadWhileItIsWritten(t *testing.T) {
	var table Table
	var all sync.WaitGroup
	for id := range uint32(4) {
		all.Go(func() {
			for i := range uint32(1000) {
				table.Set(id, i, State(i%uint32(states)))
				table.Keep([]uint32{0, 1, 2, 3})
			}
		})
		all.Go(func() {
			last := uint64(0)
			for range 1000 {
				table.Serves(id)
				if v := table.Version(); v < last {
					t.Error("an older version")
				} else {
					last = v
				}
			}
		})
	}
	all.Wait()
	if n := testing.AllocsPerRun(100, func() { table.Serves(2); table.Version() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStateIsReadAsWritten(t *testing.T) {
	for s := range states {
		for _, life := range []uint32{0, 1, 1<<32 - 1} {
			b := AppendState([]byte("before"), life, s)
			gotLife, got, rest, ok := CutState(append(b[6:], "after"...))
			if !ok || gotLife != life || got != s || string(rest) != "after" || len(b) != 6+StateLen {
				t.Errorf("%s of life %d: %d %s %q %v", s, life, gotLife, got, rest, ok)
			}
		}
	}
	for name, b := range map[string][]byte{
		"nothing":         {},
		"too short":       {1, 0, 0, 0, 1},
		"a later version": {2, 0, 0, 0, 1, 1},
		"a later state":   {1, 0, 0, 0, 1, 4},
	} {
		if life, s, rest, ok := CutState(b); ok || life != 0 || s != Unknown || rest != nil {
			t.Errorf("%s: %d %s %q %v", name, life, s, rest, ok)
		}
	}
}

// FuzzCutState: what is read is what AppendState writes for it, whatever the bytes.
func FuzzCutState(f *testing.F) {
	f.Add([]byte{})
	f.Add(AppendState(nil, 1, Serving))
	f.Add(append(AppendState(nil, 1<<32-1, Leaving), 1, 2))
	f.Add([]byte{2, 0, 0, 0, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		life, s, rest, ok := CutState(b)
		if !ok {
			if life != 0 || s != Unknown || rest != nil {
				t.Fatalf("refused, but says %d %s and leaves %x", life, s, rest)
			}
			return
		}
		if read := b[:len(b)-len(rest)]; !bytes.Equal(AppendState(nil, life, s), read) {
			t.Fatalf("%x was read as %d %s", read, life, s)
		}
	})
}

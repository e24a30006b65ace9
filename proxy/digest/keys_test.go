package digest

import (
	"net/netip"
	"sync"
	"testing"
)

// TestMembersOneStepApartTakeEachOthersNonces takes two through a rotation, in the same step
// or next to each other.
func TestMembersOneStepApartTakeEachOthersNonces(t *testing.T) {
	steps := []*Keys{testKeys(t, 1), testKeys(t, 1, 2), testKeys(t, 2, 1), testKeys(t, 2)}
	for i, a := range steps {
		for j := max(i-1, 0); j <= min(i+1, len(steps)-1); j++ {
			if _, ok := steps[j].ParseNonce(a.AppendNonce(nil, 1, home, source), home, source); !ok {
				t.Errorf("step %d refuses a nonce of step %d", j, i)
			}
		}
	}
	if _, ok := steps[3].ParseNonce(steps[0].AppendNonce(nil, 1, home, source), home, source); ok {
		t.Error("a nonce of a key that is gone is taken")
	}
}

// TestKeysAreReplacedWhileTheyServe takes one member through a rotation under load: what the
// other makes, which is a step behind, is always taken.
func TestKeysAreReplacedWhileTheyServe(t *testing.T) {
	keys, other := testKeys(t, 1), testKeys(t, 1)
	steps := [][]Key{{testKey(1), testKey(2)}, {testKey(2), testKey(1)}, {testKey(2)}, {testKey(2), testKey(1)}, {testKey(1), testKey(2)}, {testKey(1)}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				nonce := keys.AppendNonce(nil, 7, home, netip.Addr{})
				if len(nonce) != NonceLen {
					t.Errorf("nonce %q", nonce)
					return
				}
				if id, ok := keys.ParseNonce(nonce, home, netip.Addr{}); ok && id != 7 {
					t.Errorf("id %d, want 7", id)
					return
				}
			}
		})
	}
	for range 50 {
		for _, step := range steps {
			if err := keys.Replace(step); err != nil {
				t.Fatal(err)
			}
			if keys.Current() != step[0].ID {
				t.Fatalf("key %d signs, want %d", keys.Current(), step[0].ID)
			}
			if _, ok := keys.ParseNonce(other.AppendNonce(nil, 1, home, source), home, source); !ok {
				t.Fatal("a nonce of the step before is refused")
			}
			if err := other.Replace(step); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	wg.Wait()
	if err := keys.Replace([]Key{{ID: 9}}); err == nil || keys.Current() != 1 {
		t.Errorf("useless keys: %v, key %d signs", err, keys.Current())
	}
}

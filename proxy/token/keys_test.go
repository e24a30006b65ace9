package token

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeysDoNotFollowTheirArgument(t *testing.T) {
	arg := []Key{testKey(1)}
	keys, err := NewKeys(arg)
	if err != nil {
		t.Fatal(err)
	}
	arg[0].Secret[0]++
	if err := testKeys(t, 1).ParseToken(keys.AppendToken(nil, callToken(), callID), callID, &Token{}); err != nil {
		t.Errorf("a change of the argument changed the keys: %v", err)
	}
}

// TestRotationStepsUnderstandEachOther takes two pods through a rotation, in
// the same step or next to each other.
func TestRotationStepsUnderstandEachOther(t *testing.T) {
	steps := []*Keys{testKeys(t, 1), testKeys(t, 1, 2), testKeys(t, 2, 1), testKeys(t, 2)}
	invite := &TxFields{Branch: []byte("z9hG4bK74bf9"), SentBy: []byte("192.0.2.10"), Method: []byte("INVITE")}
	for i, a := range steps {
		for j, b := range steps {
			if j < i-1 || j > i+1 {
				continue
			}
			if err := b.ParseToken(a.AppendToken(nil, callToken(), callID), callID, &Token{}); err != nil {
				t.Errorf("step %d cannot read a token of step %d: %v", j, i, err)
			}
			began := a.TxID(invite)
			if !slices.Contains(b.AppendTxIDs(nil, invite), began) {
				t.Errorf("step %d does not find the transaction of step %d", j, i)
			}
			// A pod in step j, given the ID, makes the very branch.
			want := a.AppendBranch(nil, Branch{began, a.Target(began, []byte("sip:bob@192.0.2.4")), a.LoopHash(began, loopFields())})
			got := b.AppendBranch(nil, Branch{began, b.Target(began, []byte("sip:bob@192.0.2.4")), b.LoopHash(began, loopFields())})
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("step %d makes another branch than step %d:\n%s", j, i, diff)
			}
			if _, ok := b.ParseBranch(want); !ok {
				t.Errorf("step %d does not know the branch of step %d", j, i)
			}
		}
	}
}

func TestKeysThatAreGoneVerifyNothing(t *testing.T) {
	old, now := testKeys(t, 1), testKeys(t, 2)
	if err := now.ParseToken(old.AppendToken(nil, callToken(), callID), callID, &Token{}); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("token: error %v, want ErrUnknownKey", err)
	}
	tx := old.TxID(&TxFields{Branch: []byte("z9hG4bK1")})
	if _, ok := now.ParseBranch(old.AppendBranch(nil, Branch{Tx: tx})); ok {
		t.Error("branch of a key that is gone is known")
	}
	if _, ok := now.ParseBranch(now.AppendBranch(nil, Branch{Tx: tx})); ok {
		t.Error("branch for a transaction of a key that is gone is known")
	}
}

func TestSameIDWithAnotherSecretVerifiesNothing(t *testing.T) {
	forged := testKey(1)
	forged.Secret[31] ^= 1
	forger, err := NewKeys([]Key{forged})
	if err != nil {
		t.Fatal(err)
	}
	keys := testKeys(t, 1)
	if err := keys.ParseToken(forger.AppendToken(nil, callToken(), callID), callID, &Token{}); !errors.Is(err, ErrForged) {
		t.Errorf("token: error %v, want ErrForged", err)
	}
	tx := keys.TxID(&TxFields{Branch: []byte("z9hG4bK1")})
	if _, ok := keys.ParseBranch(forger.AppendBranch(nil, Branch{Tx: tx})); ok {
		t.Error("a branch of another secret is known")
	}
}

// TestKeysAreReplacedWhileTheyServe takes one pod through a rotation under load:
// what the other, which is a step behind, writes is always understood.
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
				tx := keys.TxID(&TxFields{Branch: []byte("z9hG4bK1")})
				br := keys.AppendBranch(nil, Branch{Tx: tx, Loop: keys.LoopHash(tx, loopFields())})
				if len(br) != BranchLen {
					t.Errorf("branch %q", br)
					return
				}
				keys.ParseBranch(br)
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
			if err := keys.ParseToken(other.AppendToken(nil, callToken(), callID), callID, &Token{}); err != nil {
				t.Fatalf("a token of the step before is refused: %v", err)
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

func TestKeysServeManyAtOnce(t *testing.T) {
	keys := testKeys(t, 1, 2)
	want := string(keys.AppendToken(nil, callToken(), callID))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got := &Token{}
			for range 200 {
				s := keys.AppendToken(nil, callToken(), callID)
				if err := keys.ParseToken(s, callID, got); err != nil || string(s) != want {
					t.Errorf("token %q, error %v", s, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

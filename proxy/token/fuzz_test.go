package token

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseToken: nothing panics, what parses is what a key holder wrote, what
// does not leaves nothing behind.
func FuzzParseToken(f *testing.F) {
	keys := testKeys(f, 1, 2)
	good := keys.AppendToken(nil, callToken(), callID)
	f.Add(good)
	f.Add(testKeys(f, 2).AppendToken(nil, &Token{}, callID))
	f.Add(testKeys(f, 3).AppendToken(nil, callToken(), callID))
	f.Add(good[:len(good)-1])
	f.Add([]byte(""))
	f.Add([]byte("A\n==\x00\xff"))
	f.Add(bytes.Repeat([]byte("AQ"), MaxToken/2))
	got := &Token{}
	f.Fuzz(func(t *testing.T, s []byte) {
		if err := keys.ParseToken(s, callID, got); err != nil {
			if !saysNothing(got) {
				t.Fatalf("refused, but says %+v", got)
			}
			return
		}
		ours := keys.AppendToken(nil, got, callID)
		theirs := testKeys(t, 2, 1).AppendToken(nil, got, callID)
		if !bytes.Equal(s, ours) && !bytes.Equal(s, theirs) {
			t.Fatalf("%q is accepted, but nobody wrote it", s)
		}
	})
}

// FuzzReadBody goes behind the MAC, where only key holders come: a pod of
// another version, or one that is wrong, must not bring this one down.
func FuzzReadBody(f *testing.F) {
	full := &Token{
		Caller: udp("192.0.2.1:5060"), Callee: udp("[2001:db8::1]:5061"), CallerTag: 3,
	}
	full.Callee.Owner, full.Callee.Conn = 4, 5
	for _, t := range []*Token{{}, callToken(), full} {
		body := t.appendBody(nil)
		f.Add(t.flags(), body)
		f.Add(t.flags()^hasCallerTag, body)
		f.Add(t.flags(), body[:len(body)-1])
	}
	f.Add(byte(hasCallerInstance), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 2, 'a', 'b', 127, 255})
	keys := testKeys(f, 1)
	f.Fuzz(func(t *testing.T, flags byte, body []byte) {
		if len(body) > maxBinary-headSize-macSize {
			return // longer ones are refused before
		}
		got, again := &Token{}, &Token{}
		if !got.readBody(flags, body) {
			return
		}
		if err := keys.ParseToken(keys.AppendToken(nil, got, callID), callID, again); err != nil {
			t.Fatalf("what was read cannot be written and read: %v", err)
		}
		if diff := cmp.Diff(carried(got), again, sameToken); diff != "" {
			t.Fatalf("-read +written and read:\n%s", diff)
		}
	})
}

// FuzzParseBranch: what is ours is, byte for byte, what we would write.
func FuzzParseBranch(f *testing.F) {
	keys := testKeys(f, 1, 2)
	ours := keys.AppendBranch(nil, Branch{Tx: keys.TxID(rfc3261Tx()), Target: 1, Loop: 2})
	f.Add(ours)
	f.Add(ours[:len(ours)-1])
	f.Add(testKeys(f, 3).AppendBranch(nil, Branch{Tx: testKeys(f, 3).TxID(rfc3261Tx())}))
	f.Add([]byte("z9hG4bK776asdhds"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, s []byte) {
		br, ok := keys.ParseBranch(s)
		if !ok {
			if br != (Branch{}) {
				t.Fatalf("foreign, but says %v", br)
			}
			return
		}
		if again := keys.AppendBranch(nil, br); !bytes.Equal(again, s) {
			t.Fatalf("%q is taken for ours, we would write %q", s, again)
		}
	})
}

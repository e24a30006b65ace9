package token

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func loopFields() *LoopFields {
	return &LoopFields{
		RequestURI: []byte("sip:bob@example.com"), Routes: [][]byte{[]byte("<sip:example.com;lr>")},
		FromTag: []byte("a73kszlfl"), CallID: []byte("1j9FpLxk3uxtm8tn@biloxi.example.com"), CSeq: 1,
	}
}

var branches = rapid.Custom(func(t *rapid.T) Branch {
	br := Branch{Target: rapid.Uint32().Draw(t, "target"), Loop: rapid.Uint32().Draw(t, "loop")}
	copy(br.Tx[1:], rapid.SliceOfN(rapid.Byte(), 11, 11).Draw(t, "tx"))
	br.Tx[0] = rapid.SampledFrom([]byte{1, 2}).Draw(t, "key")
	return br
})

func TestBranchRoundTrip(t *testing.T) {
	ab, ba := testKeys(t, 1, 2), testKeys(t, 2, 1)
	rapid.Check(t, func(t *rapid.T) {
		want := branches.Draw(t, "branch")
		s := ab.AppendBranch([]byte("SIP"), want)[3:]
		if len(s) != BranchLen || !bytes.HasPrefix(s, []byte(magicCookie)) {
			t.Fatalf("branch %q", s)
		}
		if rest := strings.Trim(string(s), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"); rest != "" {
			t.Fatalf("branch %q is no token of RFC 3261 section 25.1: %q", s, rest)
		}
		for _, keys := range []*Keys{ab, ba} {
			got, ok := keys.ParseBranch(s)
			if diff := cmp.Diff(want, got); !ok || diff != "" {
				t.Fatalf("read %v (-written +read):\n%s", ok, diff)
			}
		}
	})
}

func TestBranchWithAnyBitFlippedIsForeign(t *testing.T) {
	keys := testKeys(t, 1, 2)
	rapid.Check(t, func(t *rapid.T) {
		s := keys.AppendBranch(nil, branches.Draw(t, "branch"))
		for i := range len(s) * 8 {
			s[i/8] ^= 1 << (i % 8)
			if br, ok := keys.ParseBranch(s); ok || br != (Branch{}) {
				t.Fatalf("bit %d of character %d flipped: %v, %v", i%8, i/8, br, ok)
			}
			s[i/8] ^= 1 << (i % 8)
		}
	})
}

func TestForeignBranches(t *testing.T) {
	keys := testKeys(t, 1)
	ours := string(keys.AppendBranch(nil, Branch{Tx: keys.TxID(&TxFields{Branch: []byte("z9hG4bK1")})}))
	for name, s := range map[string]string{
		"none":                  "",
		"only the cookie":       magicCookie,
		"another element's":     "z9hG4bK776asdhds",
		"of our length":         magicCookie + strings.Repeat("A", BranchLen-len(magicCookie)),
		"without the cookie":    "z9hG4bk" + ours[len(magicCookie):],
		"longer":                ours + "A",
		"shorter":               ours[:len(ours)-1],
		"line break in the end": ours[:len(ours)-1] + "\n",
		"not base64url":         ours[:len(ours)-1] + "+",
	} {
		t.Run(name, func(t *testing.T) {
			if br, ok := keys.ParseBranch([]byte(s)); ok {
				t.Errorf("taken for ours: %v", br)
			}
		})
	}
	if _, ok := keys.ParseBranch([]byte(ours)); !ok {
		t.Error("ours is not")
	}
}

func TestTargetsDiffer(t *testing.T) {
	keys := testKeys(t, 1)
	tx := keys.TxID(&TxFields{Branch: []byte("z9hG4bK1")})
	other := keys.TxID(&TxFields{Branch: []byte("z9hG4bK2")})
	a := keys.Target(tx, []byte("sip:bob@192.0.2.4"))
	if a != keys.Target(tx, []byte("sip:bob@192.0.2.4")) {
		t.Error("the same target of the same transaction has two numbers")
	}
	if a == keys.Target(tx, []byte("sip:bob@192.0.2.5")) {
		t.Error("two targets of a transaction have one number")
	}
	if a == keys.Target(other, []byte("sip:bob@192.0.2.4")) {
		t.Error("a target has the same number in every transaction")
	}
}

// TestLoopHash: RFC 3261 section 16.6 step 8, RFC 5393 section 4.2.
func TestLoopHash(t *testing.T) {
	keys := testKeys(t, 1)
	first := keys.TxID(&TxFields{Branch: []byte("z9hG4bK1")})
	again := keys.TxID(&TxFields{Branch: []byte("z9hG4bK2")}) // the next pass has another branch
	want := keys.LoopHash(first, loopFields())
	tests := map[string]struct {
		change func(*LoopFields)
		same   bool
	}{
		"unchanged, a loop":        {func(*LoopFields) {}, true},
		"request URI":              {func(f *LoopFields) { f.RequestURI = []byte("sip:bob@192.0.2.4") }, false},
		"route gone":               {func(f *LoopFields) { f.Routes = nil }, false},
		"route more":               {func(f *LoopFields) { f.Routes = append(f.Routes, []byte("<sip:192.0.2.1;lr>")) }, false},
		"routes split differently": {func(f *LoopFields) { f.Routes = [][]byte{[]byte("<sip:example"), []byte(".com;lr>")} }, false},
		"from tag":                 {func(f *LoopFields) { f.FromTag = []byte("b") }, false},
		"call id":                  {func(f *LoopFields) { f.CallID = []byte("b") }, false},
		"cseq":                     {func(f *LoopFields) { f.CSeq = 2 }, false},
		"bytes of neighbours": {func(f *LoopFields) {
			f.FromTag, f.CallID = append(f.FromTag, f.CallID[0]), f.CallID[1:]
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := loopFields()
			tt.change(f)
			if got := keys.LoopHash(again, f); (got == want) != tt.same {
				t.Errorf("hash %08x, that of the first pass %08x, want them the same: %v", got, want, tt.same)
			}
		})
	}
}

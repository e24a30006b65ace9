package token

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var gruus = rapid.Custom(func(t *rapid.T) *GRUU {
	return &GRUU{
		AOR:      []byte(rapid.StringMatching(`sip:[a-z%!]{1,60}@[a-z.]{1,60}`).Draw(t, "AOR")),
		Instance: rapid.Uint64().Draw(t, "instance"), Call: rapid.Uint64().Draw(t, "call"), CSeq: rapid.Uint32().Draw(t, "CSeq"),
	}
})

func sameGRUU(a, b *GRUU) bool {
	return bytes.Equal(a.AOR, b.AOR) && a.Instance == b.Instance && a.Call == b.Call && a.CSeq == b.CSeq
}

func TestGRUURoundTrip(t *testing.T) {
	keys, later := testKeys(t, 1, 2), testKeys(t, 2, 1)
	got := &GRUU{}
	rapid.Check(t, func(t *rapid.T) {
		want := gruus.Draw(t, "GRUU")
		s, ok := keys.AppendGRUU([]byte("before"), want)
		s, before := bytes.CutPrefix(s, []byte("before"))
		if !ok || !before || len(s) > MaxGRUU {
			t.Fatalf("%q, %v", s, ok)
		}
		if !later.ParseGRUU(s, got) || !sameGRUU(got, want) {
			t.Fatalf("%+v is read as %+v", want, got)
		}
		if again, _ := keys.AppendGRUU(nil, got); !bytes.Equal(again, s) {
			t.Fatalf("%q at one member, %q at another", s, again)
		}
		for i := range len(s) * 8 {
			s[i/8] ^= 1 << (i % 8)
			if keys.ParseGRUU(s, got) {
				t.Fatalf("bit %d of character %d flipped, and accepted", i%8, i/8)
			}
			if !sameGRUU(got, &GRUU{}) {
				t.Fatalf("refused, but says %+v", got)
			}
			s[i/8] ^= 1 << (i % 8)
		}
	})
}

func TestLongestGRUU(t *testing.T) {
	keys := testKeys(t, 1)
	s, ok := keys.AppendGRUU(nil, &GRUU{AOR: bytes.Repeat([]byte("a"), MaxAOR)})
	if !ok || len(s) != MaxGRUU || !keys.ParseGRUU(s, &GRUU{}) {
		t.Errorf("%d characters, want %d", len(s), MaxGRUU)
	}
	for _, n := range []int{0, MaxAOR + 1} {
		if s, ok := keys.AppendGRUU(nil, &GRUU{AOR: bytes.Repeat([]byte("a"), n)}); ok || s != nil {
			t.Errorf("%d bytes of AOR: %q", n, s)
		}
	}
}

// TestRFC5627_8_GRUUTellsNothing: neither who it is of, nor whether another is of the same
// user.
func TestRFC5627_8_GRUUTellsNothing(t *testing.T) {
	keys := testKeys(t, 1)
	var last []byte
	for cseq := range uint32(50) {
		s, _ := keys.AppendGRUU(nil, &GRUU{AOR: []byte("sip:alice@example.com"), Instance: 1, Call: 2, CSeq: cseq})
		bin, err := encoding.DecodeString(string(s))
		if err != nil || bytes.Contains(bin, []byte("alice")) {
			t.Fatalf("%q: %v", bin, err)
		}
		same := 0
		for i := 1; i < len(last); i++ {
			if last[i] == bin[i] {
				same++
			}
		}
		if same > len(bin)/4 {
			t.Errorf("%d of %d bytes are as in the one before", same, len(bin))
		}
		last = bin
	}
	for _, aor := range []string{"sip:a@example.com", "sip:abcdefghijk@example.com"} {
		if s, _ := keys.AppendGRUU(nil, &GRUU{AOR: []byte(aor)}); len(s) != 79 {
			t.Errorf("the GRUU of %s has %d characters: it says how long that is", aor, len(s))
		}
	}
}

// A key for another purpose, or of nobody, makes none.
func TestGRUUOfOthersIsRefused(t *testing.T) {
	keys := testKeys(t, 1)
	foreign, _ := testKeys(t, 3).AppendGRUU(nil, &GRUU{AOR: []byte("sip:a@b")})
	forged := testKey(1)
	forged.Secret[0] ^= 1
	forger, err := NewKeys([]Key{forged})
	if err != nil {
		t.Fatal(err)
	}
	fake, _ := forger.AppendGRUU(nil, &GRUU{AOR: []byte("sip:a@b")})
	good, _ := keys.AppendGRUU(nil, &GRUU{AOR: []byte("sip:a@b")})
	for name, s := range map[string]string{
		"of an unknown key": string(foreign), "of a wrong key": string(fake), "a token": string(keys.AppendToken(nil, callToken(), callID)),
		"nothing": "", "a line break": string(good[:8]) + "\n" + string(good[8:]), "padded": string(good) + "=", "cut": string(good[:len(good)-1]),
		"long": strings.Repeat("A", MaxGRUU+1), "huge": strings.Repeat("A", 1<<20), "a block less": string(good[:len(good)*3/4]),
	} {
		if g := (&GRUU{}); keys.ParseGRUU([]byte(s), g) || g.AOR != nil {
			t.Errorf("%s is taken as %+v", name, g)
		}
	}
}

// FuzzParseGRUU: what parses is what a holder of the key wrote.
func FuzzParseGRUU(f *testing.F) {
	keys := testKeys(f, 1, 2)
	good, _ := keys.AppendGRUU(nil, &GRUU{AOR: []byte("sip:alice@example.com"), Instance: 1, Call: 2, CSeq: 3})
	f.Add(good)
	f.Add(good[:len(good)-4])
	f.Add([]byte(""))
	f.Add(bytes.Repeat([]byte("AQ"), MaxGRUU/2))
	got := &GRUU{}
	f.Fuzz(func(t *testing.T, s []byte) {
		if !keys.ParseGRUU(s, got) {
			return
		}
		ours, _ := keys.AppendGRUU(nil, got)
		theirs, _ := testKeys(t, 2, 1).AppendGRUU(nil, got)
		if !bytes.Equal(s, ours) && !bytes.Equal(s, theirs) {
			t.Fatalf("%q is accepted, but nobody wrote it", s)
		}
	})
}

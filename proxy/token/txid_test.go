package token

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// rfc3261Tx and rfc2543Tx are an INVITE of a phone of today and of an old one.
func rfc3261Tx() *TxFields {
	f := rfc2543Tx()
	f.Branch = []byte("z9hG4bK776asdhds")
	return f
}

func rfc2543Tx() *TxFields {
	return &TxFields{
		SentBy: []byte("pc33.example.com:5066"), Method: []byte("INVITE"),
		TopVia:     []byte("SIP/2.0/UDP pc33.example.com:5066"),
		RequestURI: []byte("sip:bob@example.com"), FromTag: []byte("1928301774"),
		CallID: []byte("a84b4c76e66710"), CSeq: 314159,
	}
}

// TestTxID: RFC 3261 section 17.2.3.
func TestTxID(t *testing.T) {
	set := func(field func(*TxFields) *[]byte, v string) func(*TxFields) {
		return func(f *TxFields) { *field(f) = []byte(v) }
	}
	branch := func(f *TxFields) *[]byte { return &f.Branch }
	sentBy := func(f *TxFields) *[]byte { return &f.SentBy }
	method := func(f *TxFields) *[]byte { return &f.Method }
	topVia := func(f *TxFields) *[]byte { return &f.TopVia }
	uri := func(f *TxFields) *[]byte { return &f.RequestURI }
	fromTag := func(f *TxFields) *[]byte { return &f.FromTag }
	toTag := func(f *TxFields) *[]byte { return &f.ToTag }
	callID := func(f *TxFields) *[]byte { return &f.CallID }
	tests := map[string]struct {
		tx     func() *TxFields
		change func(*TxFields)
		same   bool
	}{
		"3261, retransmitted":           {rfc3261Tx, func(*TxFields) {}, true},
		"3261, other branch":            {rfc3261Tx, set(branch, "z9hG4bK776asdhdt"), false},
		"3261, other case":              {rfc3261Tx, set(branch, "Z9HG4BK776ASDHDS"), true},
		"3261, other sent-by host":      {rfc3261Tx, set(sentBy, "pc34.example.com:5066"), false},
		"3261, other sent-by port":      {rfc3261Tx, set(sentBy, "pc33.example.com"), false},
		"3261, other sent-by case":      {rfc3261Tx, set(sentBy, "PC33.example.COM:5066"), true},
		"3261, other method":            {rfc3261Tx, set(method, "BYE"), false},
		"3261, other method case":       {rfc3261Tx, set(method, "invite"), false},
		"3261, ACK with a To tag":       {rfc3261Tx, set(toTag, "314159"), true},
		"3261, other Call-ID":           {rfc3261Tx, set(callID, "2"), false},
		"3261, other From tag":          {rfc3261Tx, set(fromTag, "2"), false},
		"3261, other CSeq":              {rfc3261Tx, func(f *TxFields) { f.CSeq++ }, false},
		"3261, no other field counts":   {rfc3261Tx, func(f *TxFields) { f.TopVia, f.RequestURI, f.ToTag = nil, nil, nil }, true},
		"2543, retransmitted":           {rfc2543Tx, func(*TxFields) {}, true},
		"2543, ACK with a To tag":       {rfc2543Tx, set(toTag, "314159"), true},
		"2543, other Via":               {rfc2543Tx, set(topVia, "SIP/2.0/UDP pc34.example.com"), false},
		"2543, other request URI":       {rfc2543Tx, set(uri, "sip:carol@example.com"), false},
		"2543, other From tag":          {rfc2543Tx, set(fromTag, "2"), false},
		"2543, other Call-ID":           {rfc2543Tx, set(callID, "2"), false},
		"2543, other CSeq":              {rfc2543Tx, func(f *TxFields) { f.CSeq++ }, false},
		"2543, other method":            {rfc2543Tx, set(method, "REGISTER"), false},
		"2543, branch without cookie":   {rfc2543Tx, set(branch, "1"), true}, // it is in the Via
		"2543, cookie and no more":      {rfc2543Tx, set(branch, "z9hG4bK"), true},
		"2543, branch gains the cookie": {rfc2543Tx, set(branch, "z9hG4bK1"), false},
	}
	keys := testKeys(t, 5)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := tt.tx()
			tt.change(f)
			want, got := keys.TxID(tt.tx()), keys.TxID(f)
			if (got == want) != tt.same {
				t.Errorf("%x and %x, want them the same: %v", want, got, tt.same)
			}
			if got.KeyID() != 5 {
				t.Errorf("made by key %d", got.KeyID())
			}
		})
	}
}

// TestTxIDOfForkedDialogs: two dialogs of one forked INVITE count their
// requests from the same CSeq and differ in the To tag alone.
func TestTxIDOfForkedDialogs(t *testing.T) {
	bye := func(toTag string) *TxFields {
		f := rfc2543Tx()
		f.Method, f.ToTag = []byte("BYE"), []byte(toTag)
		return f
	}
	keys := testKeys(t, 1)
	if keys.TxID(bye("a")) == keys.TxID(bye("b")) {
		t.Error("requests in two dialogs are one transaction")
	}
}

func TestTxIDsAreOneForEachKey(t *testing.T) {
	keys := testKeys(t, 3, 1, 2)
	f := rfc3261Tx()
	want := []TxID{testKeys(t, 3).TxID(f), testKeys(t, 1).TxID(f), testKeys(t, 2).TxID(f)}
	if diff := cmp.Diff(want, keys.AppendTxIDs(nil, f)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if keys.TxID(f) != want[0] {
		t.Error("a new transaction is not under the current key")
	}
}

// TestFieldsOfAnyLengthCount: what is hashed is longer than the buffer it goes
// through, and every byte of it counts.
func TestFieldsOfAnyLengthCount(t *testing.T) {
	keys := testKeys(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4*maxBinary).Draw(t, "length")
		at := rapid.IntRange(0, n-1).Draw(t, "at")
		long := bytes.Repeat([]byte("a"), n)
		tx := func(branch, method []byte) TxID {
			return keys.TxID(&TxFields{Branch: append([]byte("z9hG4bK"), branch...), Method: method})
		}
		other := bytes.Clone(long)
		other[at] = 'b'
		if tx(long, nil) == tx(other, nil) {
			t.Fatalf("byte %d of %d of a folded field does not count", at, n)
		}
		if tx([]byte("1"), long) == tx([]byte("1"), other) {
			t.Fatalf("byte %d of %d of a field does not count", at, n)
		}
		if tx(long[:at], long[at:]) == tx(long, nil) {
			t.Fatalf("the border between fields does not count")
		}
	})
}

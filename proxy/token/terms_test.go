package token

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestExpiry: a token lasts for its lifetime, at clocks that are behind or ahead by
// no more than that, and over the end of the count of hours.
func TestExpiry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begun := rapid.Int64Range(1<<28, 1<<32).Draw(t, "begun")
		lifetime := rapid.Uint16Range(1, 8760).Draw(t, "lifetime")
		tok := &Token{Made: Hour(begun)}
		for _, within := range []int64{0, 3600, int64(lifetime-1) * 3600, -int64(lifetime-1) * 3600} {
			if tok.Expired(Hour(begun+within), lifetime) {
				t.Fatalf("expired after %d s", within)
			}
		}
		for _, beyond := range []int64{int64(lifetime+2) * 3600, 2 * 8760 * 3600, -int64(lifetime+2) * 3600} {
			if !tok.Expired(Hour(begun+beyond), lifetime) {
				t.Fatalf("not expired after %d s", beyond)
			}
		}
	})
	if (&Token{}).Expired(5000, 1) {
		t.Error("a token that does not say is expired")
	}
	if !(&Token{Made: 1}).Expired(1+1<<15, 8760) {
		t.Error("a token is not expired at the farthest hour there is")
	}
}

func TestHourIsNever0(t *testing.T) {
	for seconds, want := range map[int64]uint16{0: 1, 3599: 1, 3600: 1, 7200: 2, 3600 << 16: 1, 3600<<16 + 7200: 2, 1_790_000_000: 1_790_000_000 / 3600 % (1 << 16)} {
		if got := Hour(seconds); got != want {
			t.Errorf("hour of %d is %d, want %d", seconds, got, want)
		}
	}
}

// TestEarlierVersionsPassOverTerms reads a token as they do, while a cluster is
// updated.
func TestEarlierVersionsPassOverTerms(t *testing.T) {
	want := callToken()
	want.Made, want.CallerNAT = 1000, true
	r := reader{rest: want.appendBody(nil)}
	got := &Token{CallerTag: uint32(r.big(4))}
	r.flow(&got.Caller)
	r.flow(&got.Callee)
	for range 2 {
		r.byte()
		r.take(int(r.byte()))
	}
	if r.bad || len(r.rest) > 0 {
		t.Errorf("not read: %d bytes are left", len(r.rest))
	}
	if diff := cmp.Diff(callToken(), got, sameToken); diff != "" {
		t.Error(diff)
	}
}

// FuzzToken: what parses is what a holder of the key wrote, whatever else comes.
func FuzzToken(f *testing.F) {
	keys := testKeys(f, 1, 2)
	made := callToken()
	made.Made = 7
	f.Add(keys.AppendToken(nil, callToken(), callID), callID)
	f.Add(keys.AppendToken(nil, made, callID), callID)
	f.Add(sign(keys, []byte{version, 1, 0}), callID)
	f.Fuzz(func(t *testing.T, s, id []byte) {
		tok := &Token{}
		switch err := keys.ParseToken(s, id, tok); {
		case err != nil && !saysNothing(tok):
			t.Errorf("refused, but says %+v", tok)
		case err == nil && string(id) != string(callID):
			t.Error("the token of another call is taken")
		}
	})
}

// FuzzBody reads what a holder of the key may have written: any body.
func FuzzBody(f *testing.F) {
	made := callToken()
	made.Made, made.CalleeNAT = 7, true
	who := callToken()
	who.CallerEnd, who.CalleeEnd = End{[]byte("sip:alice@example.com"), 1}, End{[]byte("sip:bob@example.com"), 2}
	for _, tok := range []*Token{{}, callToken(), made, who} {
		f.Add(tok.flags(), tok.appendBody(nil))
	}
	f.Fuzz(func(t *testing.T, flags byte, body []byte) {
		tok := &Token{}
		if !tok.readBody(flags, body) {
			return
		}
		again := &Token{}
		if !again.readBody(tok.flags(), tok.appendBody(nil)) || !cmp.Equal(again, tok, sameToken) {
			t.Errorf("%+v is written as %+v", tok, again)
		}
	})
}

// FuzzParseHop: a hop is proven by what AppendHop writes alone.
func FuzzParseHop(f *testing.F) {
	keys := testKeys(f, 1)
	tx, to := keys.TxID(rfc3261Tx()), udp("192.0.2.1:5060").Remote
	hop := keys.AppendHop(nil, tx, to, 60)
	f.Add(hop)
	f.Add(hop[:HopLen-1])
	f.Add(append(hop[:HopLen:HopLen], 'A'))
	f.Fuzz(func(t *testing.T, s []byte) {
		same := string(s) == string(hop)
		if share, ok := keys.ParseHop(s, tx, to); ok != same || ok && share != 60 {
			t.Errorf("%q: %v, %d", s, ok, share)
		}
	})
}

package location

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		here, there := start, start+rapid.Int64Range(-10_000, 10_000).Draw(t, "skew")
		sent := AppendRecord(nil, r, here)
		got, _, rest, err := ParseRecord(nil, append(bytes.Clone(sent), 1, 2), there)
		if err != nil || len(rest) != 2 {
			t.Fatalf("parse: %v, %d bytes left", err, len(rest))
		}
		again := AppendRecord(nil, got, there)
		if !bytes.Equal(sent, again) {
			t.Fatalf("sent %x, sent on %x", sent, again)
		}
		if got.LiveCount(there) != r.LiveCount(here) {
			t.Fatalf("%d live here, %d there", r.LiveCount(here), got.LiveCount(there))
		}
	})
}

func TestParseRecordRefuses(t *testing.T) {
	u := register("call", 1, contact("sip:a@1", 60), contact("sip:a@2", 60))
	r, _ := applied(start, Record{}, &u, Limits{}, 5, 1)
	sent := AppendRecord(nil, r, start)
	first := 4 + 2 + len(aor)
	second := first + int(le.Uint16(sent[first:]))
	for name, tt := range map[string]struct {
		spoil func(b []byte) []byte
		want  error
	}{
		"nothing":                {func([]byte) []byte { return nil }, ErrTruncated},
		"cut short":              {func(b []byte) []byte { return b[:len(b)-1] }, ErrTruncated},
		"size beyond the end":    {func(b []byte) []byte { le.PutUint32(b, maxParsed+1); return b }, ErrTruncated},
		"size beyond the bound":  {func(b []byte) []byte { le.PutUint32(b, maxParsed+1); return append(b, make([]byte, maxParsed)...) }, ErrMalformed},
		"AOR beyond the end":     {func(b []byte) []byte { le.PutUint16(b[4:], 60_000); return b }, ErrMalformed},
		"no AOR":                 {func(b []byte) []byte { le.PutUint16(b[4:], 0); return b }, ErrMalformed},
		"binding of size 0":      {func(b []byte) []byte { le.PutUint16(b[first:], 0); return b }, ErrMalformed},
		"binding beyond the end": {func(b []byte) []byte { le.PutUint16(b[second:], 60_000); return b }, ErrTruncated},
		"strings beyond binding": {func(b []byte) []byte { le.PutUint16(b[first+atLens:], 60_000); return b }, ErrMalformed},
		"expiry too long ago":    {func(b []byte) []byte { le.PutUint64(b[first+atExpires:], 1<<63); return b }, ErrMalformed},
		"marker of what is live": {func(b []byte) []byte { b[first+headSize] = '*'; return b }, ErrMalformed},
		"contact before markers": {func(b []byte) []byte { b[first+headSize], b[first+atFlags] = '!', flagDeleted; return b }, ErrMalformed},
		"version too high":       {func(b []byte) []byte { le.PutUint64(b[first+atCounter:], 1<<63); return b }, ErrMalformed},
		"q above 1":              {func(b []byte) []byte { le.PutUint16(b[first+atQ:], 1001); return b }, ErrMalformed},
		"unknown flag":           {func(b []byte) []byte { b[first+atFlags] |= 0x80; return b }, ErrMalformed},
		"IPv4 and IPv6":          {func(b []byte) []byte { b[first+atFlags] |= flagV4 | flagV6; return b }, ErrMalformed},
		"address without flag":   {func(b []byte) []byte { b[first+atAddr] = 1; return b }, ErrMalformed},
		"keys not rising":        {func(b []byte) []byte { copy(b[second:], b[first:second]); return b }, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := ParseRecord(nil, tt.spoil(bytes.Clone(sent)), start)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// A time beyond what can be granted is no reason to lose a binding.
func TestParseRecordClampsTimes(t *testing.T) {
	u := register("call", 1, contact("sip:a@1", 60))
	r, _ := applied(start, Record{}, &u, Limits{}, 5, 1)
	first := 4 + 2 + len(aor)
	for name, tt := range map[string]struct {
		expires uint64
		linger  uint32
	}{
		"expiry too far":      {1 << 62, 0},
		"remembered too long": {60_000, 1<<32 - 1},
		"both":                {maxRemaining, 1},
	} {
		sent := AppendRecord(nil, r, start)
		le.PutUint64(sent[first+atExpires:], tt.expires)
		le.PutUint32(sent[first+atLinger:], tt.linger)
		got, _, _, err := ParseRecord(nil, sent, start)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for b := range got.All() {
			if end := b.endsAt(); end != start+maxRemaining {
				t.Errorf("%s: ends after %d ms, want %d", name, end-start, int64(maxRemaining))
			}
		}
	}
}

// A copy of a tombstone is over for as long as the original, however often it is sent.
func TestTombstonesAgeOnTheirWay(t *testing.T) {
	u := register("call", 1, contact("sip:a@1", 3600))
	r, _ := applied(start, Record{}, &u, Limits{}, 5, 1)
	u = register("call", 2, contact("sip:a@1", 0))
	r, _ = applied(start, r, &u, Limits{}, 5, 1)
	now, copied := start, r
	for range 10 {
		now += 4000
		var err error
		if copied, _, _, err = ParseRecord(nil, AppendRecord(nil, copied, now), now); err != nil {
			t.Fatal(err)
		}
	}
	if !equal(copied, r) {
		t.Errorf("%x after ten copies, was %x", copied.b, r.b)
	}
	u = register("call", 1, contact("sip:a@1", 60))
	if _, res := applied(now, copied, &u, Limits{}, 5, 1); res.Status != 200 {
		t.Errorf("a REGISTER 40 s after the removal: %d", res.Status)
	}
}

// What follows a record that is refused can still be read.
func TestParseRecordFindsTheNext(t *testing.T) {
	u := register("call", 1, contact("sip:a@1", 60))
	r, _ := applied(start, Record{}, &u, Limits{}, 5, 1)
	sent := AppendRecord(nil, r, start)
	bad := bytes.Clone(sent)
	le.PutUint16(bad[4:], 0)
	_, _, rest, err := ParseRecord(nil, append(bad, sent...), start)
	if err == nil || !bytes.Equal(rest, sent) {
		t.Errorf("error %v, %d bytes left, want %d", err, len(rest), len(sent))
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0})
	u := register("call", 1, contact("sip:a@1", 60), outbound("sip:a@2", "<urn:uuid:1>", 1, 0))
	r, _ := applied(start, Record{}, &u, Limits{}, 5, 1)
	f.Add(AppendRecord(nil, r, start))
	for i := range int64(3) {
		u = proving(uint64(i), i, 1, register("call", uint32(i+2), contact("sip:a@1", 60)))
		r, _ = applied(start, r, &u, Limits{NonceLife: 1000 * i}, 5, 1)
		f.Add(AppendRecord(nil, r, start))
	}
	u = proving(1, 9, 1, register("call", 1))
	r, _ = applied(start, Record{}, &u, Limits{}, 5, 1)
	f.Add(AppendRecord(nil, r, start))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, _, err := ParseRecord(nil, b, start)
		if err != nil {
			return
		}
		again, _, _, err := ParseRecord(nil, AppendRecord(nil, r, start), start)
		if err != nil {
			t.Fatalf("accepted and not accepted again: %v", err)
		}
		s := NewStore(1)
		s.Merge(0, 1, again)
		s.Merge(0, 1, r)
		s.Digest(start, 0)
		u := proving(1, 5, 1, register("call", 2, contact("sip:a@1", 60)))
		s.Apply(start, 0, 1, &u, Limits{}, 1, 1)
		if u = proving(2, 5, 1, register("d", 1, contact("sip:a@2", 60))); s.Apply(start, 0, 1, &u, Limits{}, 1, 1).Status == StatusOK {
			t.Fatal("a proof is taken twice")
		}
		s.Purge(start+maxRemaining*2, 0)
		if !r.IsZero() && s.Stats().Records != 0 {
			t.Fatalf("not forgotten: %+v", s.Stats())
		}
	})
}

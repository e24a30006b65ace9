package digest

import (
	"bytes"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	home   = []byte("example.com")
	source = netip.MustParseAddr("192.0.2.7")
)

// testKey is a key that is the same in every run.
func testKey(id uint8) Key {
	k := Key{ID: id}
	for i := range k.Secret {
		k.Secret[i] = id ^ byte(i*37+1)
	}
	return k
}

func testKeys(t testing.TB, ids ...uint8) *Keys {
	t.Helper()
	var all []Key
	for _, id := range ids {
		all = append(all, testKey(id))
	}
	k, err := NewKeys(all)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNonceIsOfItsRealmAndSource(t *testing.T) {
	id := NonceID(1790000000000, 0xabcde)
	other := netip.MustParseAddr("192.0.2.8")
	none := netip.Addr{}
	tests := map[string]struct {
		bound, from netip.Addr
		realm       string
		ok          bool
	}{
		"bound to none":                    {none, none, "example.com", true},
		"bound, from its source":           {source, source, "example.com", true},
		"bound, from another":              {source, other, "example.com", false},
		"bound, asked for none":            {source, none, "example.com", false},
		"bound to none, asked for one":     {none, source, "example.com", false},
		"IPv4 as an IPv6 socket has it":    {source, netip.MustParseAddr("::ffff:192.0.2.7"), "example.com", true},
		"IPv6":                             {netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::1"), "example.com", true},
		"IPv6 with the zone of a member":   {netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("fe80::1%eth1"), "example.com", true},
		"IPv6 from another":                {netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), "example.com", false},
		"another realm":                    {none, none, "example.org", false},
		"a realm that begins like it":      {none, none, "example.co", false},
		"a realm that goes on into source": {source, none, "example.com" + string(v6(source)), false},
		"no realm":                         {none, none, "", false},
	}
	keys := testKeys(t, 1, 2)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			nonce := keys.AppendNonce(nil, id, home, tt.bound)
			if len(nonce) != NonceLen {
				t.Fatalf("%d characters, want %d", len(nonce), NonceLen)
			}
			got, ok := keys.ParseNonce(nonce, []byte(tt.realm), tt.from)
			if ok != tt.ok || ok && got != id || !ok && got != 0 {
				t.Errorf("ParseNonce says %d, %t, want %t", got, ok, tt.ok)
			}
		})
	}
}

func v6(a netip.Addr) []byte { b := a.As16(); return b[:] }

func TestNonceRefuses(t *testing.T) {
	keys := testKeys(t, 1, 2)
	ours := string(keys.AppendNonce(nil, NonceID(1790000000000, 1), home, netip.Addr{}))
	forger := testKey(1)
	forger.Secret[31] ^= 1
	forged, err := NewKeys([]Key{forger})
	if err != nil {
		t.Fatal(err)
	}
	of := func(k *Keys) string { return string(k.AppendNonce(nil, 1, home, netip.Addr{})) }
	tests := map[string]string{
		"nothing":                      "",
		"truncated":                    ours[:NonceLen-1],
		"too long":                     ours + "A",
		"half":                         ours[:NonceLen/2],
		"64 KiB":                       strings.Repeat("A", 64<<10),
		"a line break in it":           ours[:10] + "\n" + ours[11:],
		"line breaks around it":        "\n" + ours[:NonceLen-1],
		"padding":                      ours[:NonceLen-1] + "=",
		"standard base64":              ours[:NonceLen-1] + "/",
		"NUL":                          strings.Repeat("\x00", NonceLen),
		"UTF-8":                        strings.Repeat("ü", NonceLen/2),
		"SQL":                          "' OR 1=1; DROP TABLE users;--",
		"another cluster, same key ID": of(forged),
		"another cluster, unknown key": of(testKeys(t, 3)),
		"a key's ID changed":           "Ag" + ours[2:],
		"a nonce of Kamailio":          "ZZlVk2WZVGegVBZVKaMHpnxmUA+QyoSl",
		"a nonce of Asterisk, of the right length": "1586333388/9636a3d16b16329ae",
		"zeros":  strings.Repeat("A", NonceLen),
		"quoted": `"` + ours[1:NonceLen-1] + `"`,
	}
	for name, s := range tests {
		t.Run(name, func(t *testing.T) {
			if id, ok := keys.ParseNonce([]byte(s), home, netip.Addr{}); ok || id != 0 {
				t.Errorf("%q is taken, for %d", s, id)
			}
		})
	}
}

// TestNonceWithAnyBitFlippedIsRefused: each bit of each character.
func TestNonceWithAnyBitFlippedIsRefused(t *testing.T) {
	keys := testKeys(t, 1, 2)
	nonce := keys.AppendNonce(nil, NonceID(1790000000000, 1), home, source)
	for i := range nonce {
		for bit := range 8 {
			nonce[i] ^= 1 << bit
			if _, ok := keys.ParseNonce(nonce, home, source); ok {
				t.Errorf("bit %d of character %d does not matter", bit, i)
			}
			nonce[i] ^= 1 << bit
		}
	}
	if _, ok := keys.ParseNonce(nonce, home, source); !ok {
		t.Error("the nonce itself is refused")
	}
}

// TestNonceOfTheFutureSaysSo: it verifies, as any that was made with the key; its time is
// there to be judged.
func TestNonceOfTheFutureSaysSo(t *testing.T) {
	keys := testKeys(t, 1)
	at := time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	id, ok := keys.ParseNonce(keys.AppendNonce(nil, NonceID(at, math.MaxUint32), home, source), home, source)
	if !ok || NonceTime(id) != at {
		t.Errorf("time %d, %t; want %d", NonceTime(id), ok, at)
	}
}

// TestLaterNoncesHaveGreaterIDs whatever chance says, and say when they were made.
func TestLaterNoncesHaveGreaterIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = epoch + 1<<44 - 1
		a := rapid.Int64Range(epoch, most-1).Draw(t, "earlier")
		b := rapid.Int64Range(a+1, most).Draw(t, "later")
		early, late := NonceID(a, rapid.Uint32().Draw(t, "chance")), NonceID(b, rapid.Uint32().Draw(t, "chance"))
		if early >= late {
			t.Errorf("%d at %d, %d at %d", early, a, late, b)
		}
		if NonceTime(early) != a || NonceTime(late) != b {
			t.Errorf("made at %d and %d, say %d and %d", a, b, NonceTime(early), NonceTime(late))
		}
	})
	if got := NonceTime(NonceID(0, 7)); got != epoch {
		t.Errorf("a clock that stands at 1970 gives %d, want the earliest time there is", got)
	}
}

// TestNonceFormatIsPinned: members of two versions know each other's.
func TestNonceFormatIsPinned(t *testing.T) {
	keys := testKeys(t, 1)
	id := NonceID(1790000000000, 0x12345)
	for want, bound := range map[string]netip.Addr{
		goldenUnbound: {},
		goldenBound:   source,
	} {
		if got := keys.AppendNonce(nil, id, home, bound); !bytes.Equal(got, []byte(want)) {
			t.Errorf("nonce for %v is %s, want %s", bound, got, want)
		}
	}
}

const (
	goldenUnbound = "AQMWXphAASNFtqsvDdLm7E8Ryl8R"
	goldenBound   = "AQMWXphAASNFFcJNOtNNMTYkvkn2"
)

// TestMarkOfARequest: on every member that has the nonce's key a request has one mark, and
// any other byte, another source or another key make another.
func TestMarkOfARequest(t *testing.T) {
	before, after := testKeys(t, 1), testKeys(t, 2, 1) // the second step of a rotation
	source := netip.MustParseAddr("192.0.2.1")
	nonce := before.AppendNonce(nil, 7, []byte("r"), netip.Addr{})
	want := before.MarkRequest(nonce, []byte("request"), source)
	if got := after.MarkRequest(nonce, []byte("request"), netip.MustParseAddr("::ffff:192.0.2.1")); got != want || want == 0 {
		t.Errorf("%x and %x", want, got)
	}
	for name, got := range map[string]uint64{
		"another request": before.MarkRequest(nonce, []byte("requesT"), source),
		"another source":  before.MarkRequest(nonce, []byte("request"), netip.MustParseAddr("192.0.2.2")),
		"no source":       before.MarkRequest(nonce, []byte("request"), netip.Addr{}),
		"another key":     after.MarkRequest(after.AppendNonce(nil, 7, []byte("r"), netip.Addr{}), []byte("request"), source),
	} {
		if got == want || got == 0 {
			t.Errorf("%s: %x", name, got)
		}
	}
	for _, none := range []string{"", "AQ", strings.Repeat("*", NonceLen), string(testKeys(t, 3).AppendNonce(nil, 7, []byte("r"), netip.Addr{}))} {
		if got := before.MarkRequest([]byte(none), []byte("request"), source); got != 0 {
			t.Errorf("%q has a mark: %x", none, got)
		}
	}
}

package token

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/flow"
)

// testKey is a key whose secret follows from its ID.
func testKey(id uint8) Key {
	k := Key{ID: id}
	for i := range k.Secret {
		k.Secret[i] = id ^ byte(i*7+1)
	}
	return k
}

// testKeys holds the test keys of these IDs, the first current.
func testKeys(t testing.TB, ids ...uint8) *Keys {
	t.Helper()
	var keys []Key
	for _, id := range ids {
		keys = append(keys, testKey(id))
	}
	k, err := NewKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sameToken compares what a token says, not the buffer behind it.
var sameToken = cmp.Options{
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmpopts.IgnoreUnexported(Token{}),
}

func saysNothing(t *Token) bool { return cmp.Equal(t, &Token{}, sameToken) }

// callID is the dialog's that the tests' tokens are for.
var callID = []byte("3848276298220188511@atlanta.example.com")

func udp(addr string) flow.Flow { return flow.OverUDP(netip.MustParseAddrPort(addr)) }

// callToken is the token of an ordinary call between two phones on UDP.
func callToken() *Token {
	return &Token{
		Caller: udp("192.0.2.10:5060"), Callee: udp("198.51.100.20:49152"),
		CallerTag: HashTag([]byte("a73kszlfl")),
	}
}

var (
	flows = rapid.Custom(func(t *rapid.T) flow.Flow {
		addr := rapid.OneOf(
			rapid.Just(netip.Addr{}),
			rapid.Map(rapid.Uint32(), func(v uint32) netip.Addr {
				return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
			}),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) netip.Addr {
				return netip.AddrFrom16([16]byte(b))
			}),
		).Draw(t, "addr")
		return flow.Flow{
			Owner:     rapid.Uint32().Draw(t, "owner"),
			Life:      rapid.Uint32().Draw(t, "life"),
			Conn:      rapid.Uint64().Draw(t, "conn"),
			Remote:    netip.AddrPortFrom(addr, rapid.Uint16().Draw(t, "port")),
			Transport: flow.Transport(rapid.IntRange(0, int(flow.Transports)-1).Draw(t, "transport")),
		}
	})
	ends = rapid.Custom(func(t *rapid.T) End {
		aor := rapid.SliceOfN(rapid.Byte(), 0, MaxAOR+1).Draw(t, "AOR")
		return End{AOR: aor, Instance: rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "instance")}
	})
	tokens = rapid.Custom(func(t *rapid.T) *Token {
		return &Token{
			Caller: flows.Draw(t, "caller"), Callee: flows.Draw(t, "callee"), CallerTag: rapid.Uint32().Draw(t, "caller tag"),
			Made: rapid.Uint16().Draw(t, "made"), CallerNAT: rapid.Bool().Draw(t, "caller NAT"), CalleeNAT: rapid.Bool().Draw(t, "callee NAT"),
			CallerEnd: ends.Draw(t, "caller end"), CalleeEnd: ends.Draw(t, "callee end"),
		}
	})
)

// carried is what a token says once it has been written: see flow.Flow, and Made.
func carried(t *Token) *Token {
	flow := func(f flow.Flow) flow.Flow {
		if f.Owner == 0 {
			f.Life = 0
		}
		addr := f.Remote.Addr()
		if !addr.IsValid() {
			f.Remote = netip.AddrPort{}
		} else {
			f.Remote = netip.AddrPortFrom(addr.Unmap().WithZone(""), f.Remote.Port())
		}
		return f
	}
	c := &Token{Caller: flow(t.Caller), Callee: flow(t.Callee), CallerTag: t.CallerTag, Made: t.Made}
	c.CallerNAT, c.CalleeNAT = t.Made != 0 && t.CallerNAT, t.Made != 0 && t.CalleeNAT
	end := func(e End) End {
		if len(e.AOR) == 0 || len(e.AOR) > MaxAOR {
			e.AOR = nil
		}
		return e
	}
	c.CallerEnd, c.CalleeEnd = end(t.CallerEnd), end(t.CalleeEnd)
	return c
}

func TestTokenRoundTrip(t *testing.T) {
	keys := testKeys(t, 1, 2)
	got := &Token{} // reused: what an earlier token said must not show
	rapid.Check(t, func(t *rapid.T) {
		want := tokens.Draw(t, "token")
		prefix := rapid.SliceOf(rapid.Byte()).Draw(t, "prefix")
		s := keys.AppendToken(bytes.Clone(prefix), want, callID)
		if !bytes.HasPrefix(s, prefix) {
			t.Fatalf("AppendToken changed what it appends to")
		}
		s = s[len(prefix):]
		if len(s) > MaxToken {
			t.Fatalf("%d characters, more than MaxToken", len(s))
		}
		if err := keys.ParseToken(s, callID, got); err != nil {
			t.Fatalf("parse %q: %v", s, err)
		}
		if diff := cmp.Diff(carried(want), got, sameToken); diff != "" {
			t.Fatalf("-written +read:\n%s", diff)
		}
		if again := keys.AppendToken(nil, got, callID); !bytes.Equal(again, s) {
			t.Fatalf("written again it is %q, not %q", again, s)
		}
	})
}

func TestTokenOfEveryKindOfEnd(t *testing.T) {
	tests := map[string]Token{
		"nothing":    {},
		"UDP to UDP": *callToken(),
		"connections of phones": {
			Caller: flow.Flow{Owner: 3, Life: 9, Conn: 71, Remote: netip.MustParseAddrPort("192.0.2.9:5061"), Transport: flow.WSS}, CallerEnd: End{[]byte("sip:alice@example.com"), 7},
			Callee: flow.Flow{Owner: 1, Life: 9, Conn: 72, Remote: netip.MustParseAddrPort("192.0.2.8:5061"), Transport: flow.TCP}, CalleeEnd: End{[]byte("sip:b@example.com"), 8}, Made: 1,
		},
		"a phone without instance": {CallerEnd: End{AOR: []byte("sip:alice@example.com")}},
		"one that is too long":     {CalleeEnd: End{AOR: bytes.Repeat([]byte("a"), MaxAOR+1), Instance: 5}},
		"foreign ends":             {Caller: udp("192.0.2.10:5060"), Callee: udp("192.0.2.11:5060")},
		"connection at its owner":  {Caller: flow.Flow{Owner: 3, Life: 9, Conn: 71, Remote: netip.MustParseAddrPort("[2001:db8::9]:5061"), Transport: flow.TLS}},
		"IPv4 in IPv6 form":        {Caller: udp("[::ffff:192.0.2.1]:5060")},
		"zone":                     {Caller: udp("[fe80::1%eth0]:5060")},
	}
	keys := testKeys(t, 9)
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			got := &Token{}
			if err := keys.ParseToken(keys.AppendToken(nil, &want, callID), callID, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(carried(&want), got, sameToken); diff != "" {
				t.Errorf("-written +read:\n%s", diff)
			}
		})
	}
}

// The other end, to which the token goes, cannot read who is at this one (RFC 3323).
func TestTokenDoesNotTellWhoTheEndsAre(t *testing.T) {
	keys := testKeys(t, 1)
	who := End{[]byte("sip:alice@example.com"), 0x616c6963653a2d29}
	for name, tok := range map[string]*Token{
		"caller": {CallerEnd: who}, "callee": {CalleeEnd: who}, "an instance": {CalleeEnd: End{Instance: who.Instance}},
		"both": {CallerEnd: who, CalleeEnd: who, Made: 1, CallerTag: 5},
	} {
		bin, err := encoding.DecodeString(string(keys.AppendToken(nil, tok, callID)))
		if err != nil || bytes.Contains(bin, []byte("alice")) || bytes.Contains(bin, []byte("example")) {
			t.Errorf("%s: %q, %v", name, bin, err)
		}
		other, _ := encoding.DecodeString(string(keys.AppendToken(nil, tok, []byte("another call"))))
		same := 0
		for i := headSize; i < len(bin); i++ {
			if bin[i] == other[i] {
				same++
			}
		}
		if same > len(bin)/4 {
			t.Errorf("%s: %d of %d bytes are the same in another call", name, same, len(bin))
		}
	}
}

// TestTokenFitsItsPlaces: RFC 3261 section 25.1, user and paramchar.
func TestTokenFitsItsPlaces(t *testing.T) {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	keys := testKeys(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		s := keys.AppendToken(nil, tokens.Draw(t, "token"), callID)
		if rest := strings.Trim(string(s), unreserved); rest != "" {
			t.Fatalf("%q has other characters: %q", s, rest)
		}
	})
}

func TestLongestTokens(t *testing.T) {
	end := flow.Flow{Owner: 1<<32 - 1, Life: 1, Conn: 1<<64 - 1, Transport: flow.WSS, Remote: netip.MustParseAddrPort("[2001:db8::1]:65535")}
	who := End{AOR: bytes.Repeat([]byte("a"), MaxAOR), Instance: 1}
	longest := &Token{Caller: end, Callee: end, CallerTag: 1 << 31, Made: 1, CallerEnd: who, CalleeEnd: who}
	keys := testKeys(t, 1)
	s := keys.AppendToken(nil, longest, callID)
	if len(s) != MaxToken {
		t.Errorf("the longest token has %d characters, MaxToken is %d", len(s), MaxToken)
	}
	if err := keys.ParseToken(s, callID, &Token{}); err != nil {
		t.Error(err)
	}
	aor := append([]byte{0, 255}, bytes.Repeat([]byte("a"), 255)...)
	body := append([]byte{version, 1, hasCallerTag | hasCallerInstance | hasCalleeInstance}, make([]byte, 4+2*8)...)
	body = append(append(flow.Append(flow.Append(body, end), end), aor...), aor...)
	if err := keys.ParseToken(sign(keys, body), callID, &Token{}); err != nil {
		t.Errorf("the longest token of an earlier version: %v", err)
	}
}

func TestTokenWithAnyBitFlippedIsRefused(t *testing.T) {
	keys := testKeys(t, 1, 2)
	rapid.Check(t, func(t *rapid.T) {
		s := keys.AppendToken(nil, tokens.Draw(t, "token"), callID)
		got := &Token{}
		for i := range len(s) * 8 {
			s[i/8] ^= 1 << (i % 8)
			if err := keys.ParseToken(s, callID, got); err == nil {
				t.Fatalf("bit %d of character %d flipped, and accepted", i%8, i/8)
			}
			if !saysNothing(got) {
				t.Fatalf("refused, but says %+v", got)
			}
			s[i/8] ^= 1 << (i % 8)
		}
	})
}

func TestTokenCutShortOrLengthenedIsRefused(t *testing.T) {
	keys := testKeys(t, 1)
	s := keys.AppendToken(nil, callToken(), callID)
	for n := range s {
		if err := keys.ParseToken(s[:n], callID, &Token{}); err == nil {
			t.Errorf("the first %d characters are accepted", n)
		}
	}
	for _, more := range []string{"A", "AA", "AAA", "AAAA", "=", "\n", "\r\n", " "} {
		for _, at := range []int{0, 1, len(s) / 2, len(s)} {
			longer := bytes.Join([][]byte{s[:at], s[at:]}, []byte(more))
			if err := keys.ParseToken(longer, callID, &Token{}); err == nil {
				t.Errorf("%q at %d is accepted", more, at)
			}
		}
	}
}

// A token is worth nothing in another dialog than the one it was written for.
func TestTokenOfAnotherCallIsForged(t *testing.T) {
	keys := testKeys(t, 1)
	s := keys.AppendToken(nil, callToken(), callID)
	for name, other := range map[string][]byte{
		"another":      []byte("other"),
		"none":         nil,
		"longer":       append(bytes.Clone(callID), 'x'),
		"cut short":    callID[:len(callID)-1],
		"another case": bytes.ToUpper(callID),
	} {
		got := &Token{}
		if err := keys.ParseToken(s, other, got); !errors.Is(err, ErrForged) || !saysNothing(got) {
			t.Errorf("%s: error %v, token %+v", name, err, got)
		}
	}
}

func TestParseTokenErrors(t *testing.T) {
	keys := testKeys(t, 1)
	good := keys.AppendToken(nil, callToken(), callID)
	edit := func(at int, to byte) []byte {
		bin, err := base64.RawURLEncoding.DecodeString(string(good))
		if err != nil {
			t.Fatal(err)
		}
		bin[at] = to
		return []byte(base64.RawURLEncoding.EncodeToString(bin))
	}
	tests := map[string]struct {
		in   []byte
		want error
	}{
		"good":            {good, nil},
		"empty":           {nil, ErrTruncated},
		"a few bytes":     {good[:20], ErrTruncated},
		"cut at the end":  {good[:len(good)-3], ErrForged},
		"longest":         {bytes.Repeat([]byte("A"), MaxToken), ErrVersion},
		"above longest":   {bytes.Repeat([]byte("A"), MaxToken+1), ErrTooLong},
		"huge":            {bytes.Repeat([]byte("A"), 1<<20), ErrTooLong},
		"padded":          {append(bytes.Clone(good), '='), ErrEncoding},
		"standard base64": {append(bytes.Clone(good[:40]), "+///"...), ErrEncoding},
		"line break":      {append(bytes.Clone(good), '\n'), ErrEncoding},
		"another version": {edit(0, version+1), ErrVersion},
		"another key":     {edit(1, 2), ErrUnknownKey},
		"other flags":     {edit(2, 0), ErrForged},
		"other content":   {edit(9, 0xff), ErrForged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := keys.ParseToken(tt.in, callID, &Token{}); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// sign makes a token of any body, as a later version or a faulty one might.
func sign(k *Keys, body []byte) []byte {
	h := k.take()
	h.begin(0, purposeToken)
	bin := append(h.buf[:1], body...)
	h.bind(callID)
	h.n = len(bin)
	bin = append(bin, h.finish()[:macSize]...)
	return encoding.AppendEncode(nil, bin[1:])
}

func TestSignedButSenselessTokensAreRefused(t *testing.T) {
	keys := testKeys(t, 1)
	v4 := []byte{1, 192, 0, 2, 1, 0x13, 0xc4}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	none, head := []byte{0}, []byte{version, 1, 0}
	noAORs := []byte(noAOR + noAOR)
	tests := map[string]struct {
		body []byte
		want error
	}{
		"sensible":             {join(head, v4, none, noAORs), nil},
		"unknown flag":         {join([]byte{version, 1, 0x80}, v4, none, noAORs), ErrMalformed},
		"more than announced":  {join(head, v4, none, noAORs, none), ErrMalformed},
		"less than announced":  {join([]byte{version, 1, hasCallerInstance}, v4, none, noAORs), ErrMalformed},
		"address cut short":    {join(head, none, v4[:5]), ErrMalformed},
		"unknown address kind": {join(head, []byte{3}, v4, noAORs), ErrMalformed},
		"unknown transport":    {join(head, []byte{byte(flow.Transports) << 4}, none, noAORs), ErrMalformed},
		"owner of 33 bits":     {join(head, []byte{1 << 2, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0}, none, noAORs), ErrMalformed},
		"connection unending":  {join(head, none, []byte{1 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), ErrMalformed},
		"AOR past the end":     {join(head, none, none, []byte{0, 200, 'a', 'b', 0, 0}), ErrMalformed},
		"terms":                {join(head, v4, none, []byte{termsMark, termsLen, 0, 1, knownTerms}, none, none), nil},
		"terms of no hour":     {join(head, v4, none, []byte{termsMark, termsLen, 0, 0, 0}, none, none), ErrMalformed},
		"terms cut short":      {join(head, v4, none, []byte{termsMark, 2, 0, 1}, none, none), ErrMalformed},
		"terms past the end":   {join(head, v4, none, []byte{termsMark, 9, 0, 1, 0}, none, none), ErrMalformed},
		"longer terms":         {join(head, v4, none, []byte{termsMark, 4, 0, 1, 0, 0}, none, none), ErrMalformed},
		"unknown terms":        {join(head, v4, none, []byte{termsMark, termsLen, 0, 1, 4}, none, none), ErrMalformed},
		"a callee":             {join(head, v4, none, []byte{termsMark, termsLen, 0, 1, 0}, []byte{aorMark, 1, 'a'}), nil},
		"a callee of nothing":  {join(head, v4, none, []byte{termsMark, termsLen, 0, 1, 0}, []byte{aorMark, 0}), ErrMalformed},
		"a caller":             {join([]byte{version, 1, hasCallerAOR}, v4, none, noAORs, []byte{aorMark, 1, 'a'}), nil},
		"a caller of nothing":  {join([]byte{version, 1, hasCallerAOR}, v4, none, noAORs, noAORs[:2]), ErrMalformed},
		"no caller":            {join([]byte{version, 1, hasCallerAOR}, v4, none, noAORs), ErrMalformed},
		"one AOR missing":      {join(head, v4, none, noAORs[:2], noAORs[:1]), ErrMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := &Token{}
			if err := keys.ParseToken(sign(keys, tt.body), callID, got); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if tt.want != nil && !saysNothing(got) {
				t.Errorf("refused, but says %+v", got)
			}
		})
	}
}

func TestHashesOfNothingAreZeroAndOthersAreNot(t *testing.T) {
	if HashTag(nil) != 0 {
		t.Error("nothing has a hash")
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "value")
		if HashTag(b) == 0 {
			t.Fatal("something has no hash")
		}
	})
}

package token

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
)

var update = flag.Bool("update", false, "write testdata anew: changes the contract between versions")

// vectors are what another implementation needs to prove itself, made with the
// keys they name.
type vectors struct {
	Keys     []keyVector       `json:"keys"`   // the first signs
	CallID   string            `json:"callID"` // of all tokens
	Tokens   []tokenVector     `json:"tokens"`
	Branches []branchVector    `json:"branches"`
	Tags     map[string]string `json:"tags"` // HashTag in hexadecimal
}

type keyVector struct {
	ID     uint8  `json:"id"`
	Secret string `json:"secret"` // hexadecimal
}

type tokenVector struct {
	Name      string     `json:"name"`
	Caller    flowVector `json:"caller"`
	Callee    flowVector `json:"callee"`
	CallerTag uint32     `json:"callerTag"`
	Made      uint16     `json:"made,omitempty"`
	CallerNAT bool       `json:"callerNAT,omitempty"`
	CalleeNAT bool       `json:"calleeNAT,omitempty"`
	CallerEnd *endVector `json:"callerEnd,omitempty"`
	CalleeEnd *endVector `json:"calleeEnd,omitempty"`
	Token     string     `json:"token"`
}

type flowVector struct {
	Owner     uint32         `json:"owner"`
	Life      uint32         `json:"life"`
	Conn      uint64         `json:"conn,string"`
	Remote    netip.AddrPort `json:"remote"`
	Transport flow.Transport `json:"transport"`
}

type endVector struct {
	AOR      string `json:"aor"`
	Instance uint64 `json:"instance,string"`
}

func endOf(e End) *endVector {
	if len(e.AOR) == 0 {
		return nil
	}
	return &endVector{string(e.AOR), e.Instance}
}

func (v *endVector) end() End {
	if v == nil {
		return End{}
	}
	return End{[]byte(v.AOR), v.Instance}
}

func vectorOf(f flow.Flow) flowVector {
	return flowVector{f.Owner, f.Life, f.Conn, f.Remote, f.Transport}
}

func (v flowVector) flow() flow.Flow {
	return flow.Flow{Owner: v.Owner, Life: v.Life, Conn: v.Conn, Remote: v.Remote, Transport: v.Transport}
}

type branchVector struct {
	Name   string `json:"name"`
	Tx     string `json:"tx"` // hexadecimal
	Target uint32 `json:"target"`
	Loop   uint32 `json:"loop"`
	Branch string `json:"branch"`
}

func currentVectors(t *testing.T) vectors {
	ids := []uint8{7, 200}
	v := vectors{CallID: string(callID), Tags: map[string]string{}}
	for _, id := range ids {
		key := testKey(id)
		v.Keys = append(v.Keys, keyVector{id, hex.EncodeToString(key.Secret[:])})
	}
	keys, old := testKeys(t, ids...), testKeys(t, ids[1])
	v.Tags["a73kszlfl"] = fmt.Sprintf("%08x", HashTag([]byte("a73kszlfl")))

	v.token(keys, "empty", &Token{})
	v.token(keys, "UDP to UDP", callToken())
	outbound := callToken()
	outbound.Callee = flow.Flow{Owner: 3, Life: 0xdecade, Conn: 1 << 40, Remote: netip.MustParseAddrPort("[2001:db8::9]:5061"), Transport: flow.TLS}
	v.token(keys, "UDP to TLS", outbound)
	v.token(old, "signed by the old key", callToken())
	made := callToken()
	made.Made = 0xabcd
	v.token(keys, "with its hour", made)
	made.CallerNAT = true
	v.token(keys, "caller behind NAT", made)
	made.CallerNAT, made.CalleeNAT = false, true
	v.token(keys, "callee behind NAT", made)
	phones := callToken()
	phones.Made, phones.CallerNAT, phones.CalleeNAT = 0xabcd, true, true
	phones.Caller, phones.Callee = outbound.Callee, flow.Flow{Owner: 2, Life: 9, Conn: 6, Remote: netip.MustParseAddrPort("192.0.2.1:40000"), Transport: flow.WSS}
	phones.CallerEnd, phones.CalleeEnd = End{[]byte("sip:alice@example.com"), 0x0102030405060708}, End{AOR: []byte("sip:bob@example.com")}
	v.token(keys, "phones on connections", phones)
	v.token(keys, "foreign caller", &Token{Caller: udp("192.0.2.1:5060"), Callee: flow.Flow{Transport: flow.WSS}})

	v.branch(keys, "RFC 3261", rfc3261Tx())
	v.branch(keys, "RFC 2543", rfc2543Tx())
	v.branch(old, "made by the old key", rfc3261Tx())
	bye := rfc2543Tx()
	bye.Method, bye.ToTag = []byte("BYE"), []byte("8321234356")
	v.branch(keys, "RFC 2543, not an INVITE", bye)
	return v
}

func (v *vectors) token(k *Keys, name string, t *Token) {
	v.Tokens = append(v.Tokens, tokenVector{
		name, vectorOf(t.Caller), vectorOf(t.Callee), t.CallerTag, t.Made, t.CallerNAT, t.CalleeNAT, endOf(t.CallerEnd), endOf(t.CalleeEnd), string(k.AppendToken(nil, t, callID)),
	})
}

func (v *vectors) branch(k *Keys, name string, f *TxFields) {
	tx := k.TxID(f)
	br := Branch{tx, k.Target(tx, []byte("sip:bob@192.0.2.4:5060")), k.LoopHash(tx, loopFields())}
	v.Branches = append(v.Branches, branchVector{
		name, hex.EncodeToString(tx[:]), br.Target, br.Loop, string(k.AppendBranch(nil, br)),
	})
}

// TestVectors pins the formats. Should it fail, pods of this version and of an
// earlier one do not understand each other: do not update the file to make it
// pass.
func TestVectors(t *testing.T) {
	file := filepath.Join("testdata", "vectors.json")
	got := currentVectors(t)
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want vectors
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("the formats have changed (-pinned +now):\n%s", diff)
	}
}

// TestPinnedVectorsParse reads what an earlier version wrote.
func TestPinnedVectorsParse(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	keys := testKeys(t, v.Keys[0].ID, v.Keys[1].ID)
	for _, tv := range v.Tokens {
		want := &Token{Caller: tv.Caller.flow(), Callee: tv.Callee.flow(), CallerTag: tv.CallerTag, Made: tv.Made, CallerNAT: tv.CallerNAT, CalleeNAT: tv.CalleeNAT, CallerEnd: tv.CallerEnd.end(), CalleeEnd: tv.CalleeEnd.end()}
		got := &Token{}
		if err := keys.ParseToken([]byte(tv.Token), []byte(v.CallID), got); err != nil {
			t.Errorf("token %q: %v", tv.Name, err)
		}
		if diff := cmp.Diff(want, got, sameToken); diff != "" {
			t.Errorf("token %q (-pinned +read):\n%s", tv.Name, diff)
		}
	}
	for _, bv := range v.Branches {
		got, ok := keys.ParseBranch([]byte(bv.Branch))
		if !ok || hex.EncodeToString(got.Tx[:]) != bv.Tx || got.Target != bv.Target || got.Loop != bv.Loop {
			t.Errorf("branch %q: read %v, %v", bv.Name, got, ok)
		}
	}
}

// TestEarlierTokensAreRead: a call that began before an update of the proxies
// goes on after it. Earlier versions wrote addresses-of-record and instances too.
func TestEarlierTokensAreRead(t *testing.T) {
	six := callToken()
	six.Callee = udp("[2001:db8::9]:5061")
	six.CallerEnd.Instance, six.CalleeEnd.Instance = 0x91f0e22e0b801cc8, 1
	keys := testKeys(t, 7, 200)
	for token, want := range map[string]*Token{
		"AQcAAAAAAAAAFlo7beqNFdFoLQ": {},
		"AQcB6K_5FQHAAAIKE8QBxjNkFMAAgBFhbGljZUBleGFtcGxlLmNvbYwDYm9ix5oswRrb7fZm_w":                                      callToken(),
		"AQcH6K_5FZHw4i4LgBzIAAAAAAAAAAEBwAACChPEAiABDbgAAAAAAAAAAAAAAAkTxYARYWxpY2VAZXhhbXBsZS5jb22MA2JvYtWv0zGmsDKy1wg": six,
	} {
		got := &Token{}
		if err := keys.ParseToken([]byte(token), callID, got); err != nil {
			t.Errorf("%s: %v", token, err)
		}
		if diff := cmp.Diff(want, got, sameToken); diff != "" {
			t.Errorf("%s (-written +read):\n%s", token, diff)
		}
	}
}

package config

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

const identity = "voice/ring/7e0c1a52-3f7b-4a6e-9d5e-1d2c3b4a5f60"

// fixedKey is the same in every run: the vectors depend on it.
func fixedKey(id uint8) Key {
	k := Key{ID: id}
	for i := range SecretSize {
		k.Secret = append(k.Secret, byte(i*i)^id)
	}
	return k
}

func sampleSet() *MemberSet {
	return &MemberSet{
		Epoch: 7, Advertise: "sip.example.com", Ring: Ring{Partitions: 64, Replicas: 2},
		Members: []Member{
			{ID: 1, Name: "ring-0", Address: "10.0.0.1", Node: "a", Zone: "z<1>", State: Active},
			{ID: 2, Name: "ring-1", Address: "fd00::1", State: Joining},
		},
	}
}

func mustSign(t testing.TB, keys *Keys, cluster string, set *MemberSet) []byte {
	t.Helper()
	signed, err := keys.Sign(cluster, set)
	if err != nil {
		t.Fatal(err)
	}
	b, err := signed.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSignatureCoversAllOfASet: whatever is changed, the signature is worth nothing.
func TestSignatureCoversAllOfASet(t *testing.T) {
	keys := &Keys{Keys: []Key{fixedKey(1)}}
	trust := keys.Trust(identity)
	good := string(mustSign(t, keys, identity, sampleSet()))
	set, err := trust.ParseMemberSet([]byte(good))
	if err != nil || !set.Equal(sampleSet()) {
		t.Fatalf("%v: %+v", err, set)
	}
	if again, _ := set.Marshal(); string(again) != good || !trust.Believes(set) {
		t.Error("what was read cannot be passed on")
	}
	for name, change := range map[string]func(string) string{
		"the epoch":               replaced(`"epoch": 7`, `"epoch": 9007199254740992`),
		"a state":                 replaced(`"joining"`, `"draining"`),
		"an address":              replaced("10.0.0.1", "10.0.0.2"),
		"an id":                   replaced(`"id": 2`, `"id": 3`),
		"a zone":                  replaced(`"zone"`, `"node"`),
		"the advertised address":  replaced("sip.example.com", "sip.example.org"),
		"the replicas":            replaced(`"replicas": 2`, `"replicas": 1`),
		"the partitions":          replaced(`"partitions": 64`, `"partitions": 65`),
		"a field in other case":   replaced(`"epoch": 7`, `"epoch": 7, "EPOCH": 8`),
		"a field that nobody has": replaced(`"epoch": 7`, `"epoch": 7, "later": 1`),
		"a second value":          replaced(`"epoch": 7`, `"epoch": 7, "epoch": 8`),
		"no signature":            cutAt(",\n  \"signatures\"", "}"),
		"what follows":            func(s string) string { return s + `{"epoch": 8}` },
	} {
		changed := change(good)
		if changed == good {
			t.Fatalf("%s: the test changes nothing", name)
		}
		if set, err := trust.ParseMemberSet([]byte(changed)); err == nil {
			t.Errorf("%s: believed: %+v", name, set)
		}
	}
	// The first of two values is not what counts: what was signed is read.
	if set, err := trust.ParseMemberSet([]byte(strings.Replace(good, `"epoch": 7`, `"epoch": 8, "epoch": 7`, 1))); err != nil || set.Epoch != 7 {
		t.Errorf("%v: %+v", err, set)
	}
}

func replaced(what, by string) func(string) string {
	return func(s string) string { return strings.Replace(s, what, by, 1) }
}

// cutAt ends a text otherwise from there on.
func cutAt(what, by string) func(string) string {
	return func(s string) string {
		before, _, _ := strings.Cut(s, what)
		return before + by
	}
}

func TestTrust(t *testing.T) {
	old, fresh, other := fixedKey(1), fixedKey(2), fixedKey(3)
	keys := func(k ...Key) *Keys { return &Keys{Keys: k} }
	for name, tt := range map[string]struct {
		signs    *Keys
		cluster  string
		trusts   *Keys
		believed bool
	}{
		"the key":                          {keys(old), identity, keys(old), true},
		"a new key, known already":         {keys(fresh), identity, keys(old, fresh), true},
		"both, where one is known":         {keys(old, fresh), identity, keys(old), true},
		"both, where the other is known":   {keys(old, fresh), identity, keys(fresh), true},
		"a key of others":                  {keys(other), identity, keys(old, fresh), false},
		"a key that is gone":               {keys(old), identity, keys(fresh), false},
		"another cluster":                  {keys(old), "voice/gong/1", keys(old), false},
		"an earlier cluster of the name":   {keys(old), "voice/ring/1", keys(old), false},
		"another namespace of that length": {keys(old), "void/xring/" + identity[11:], keys(old), false},
	} {
		set, err := tt.trusts.Trust(identity).ParseMemberSet(mustSign(t, tt.signs, tt.cluster, sampleSet()))
		if (err == nil) != tt.believed || err != nil && !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %v, %+v", name, err, set)
		}
	}
}

// TestSigningKeyIsNoProxyKey: the same secret in a proxy's hands would be another
// identity for every other purpose.
func TestSigningKeyIsNoProxyKey(t *testing.T) {
	k := fixedKey(1)
	for _, purpose := range []string{PurposeToken, PurposePeer, PurposePeerProof, PurposeNonce} {
		if bytes.Equal(k.Derive(purpose), k.Derive(PurposeMembers)) {
			t.Errorf("%q signs member sets", purpose)
		}
	}
}

// TestSignatureVector pins the contract between versions: a proxy verifies what an
// operator of another one signed.
func TestSignatureVector(t *testing.T) {
	signed, err := (&Keys{Keys: []Key{fixedKey(1)}}).Sign(identity, sampleSet())
	if err != nil {
		t.Fatal(err)
	}
	const key, signature = "3c3476011a5d92f562604720d93bd9d64bd9424aaca51853d7459881fb9bd24b",
		"4d296d63851503789933dc7d07788efd9005e6ca63df12dfd036d59660ad5aaaf4be87b63c9929e9853f1bcf2b61656c4f484ff9a0d4d2738c382d8e553ba90e"
	if got := signed.Signatures[0]; hex.EncodeToString(got.Key) != key || hex.EncodeToString(got.Signature) != signature {
		t.Errorf("key %x\nsignature %x", got.Key, got.Signature)
	}
}

func TestTrustRefuses(t *testing.T) {
	good, err := (&Keys{Keys: []Key{fixedKey(1)}}).Trust(identity).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseTrust(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"no cluster":       replaced(identity, ""),
		"a long cluster":   replaced(identity, strings.Repeat("x", 600)),
		"no keys":          cutAt("[", "[]}"),
		"a short key":      cutAt("[", `["AAAA"]}`),
		"five keys":        cutAt("[", `["","","","",""]}`),
		"an unknown field": replaced(`"cluster"`, `"epoch": 1, "cluster"`),
		"nothing":          func(string) string { return "" },
		"two":              func(s string) string { return s + s },
	} {
		if trust, err := ParseTrust([]byte(change(string(good)))); err == nil {
			t.Errorf("%s: taken: %+v", name, trust)
		}
	}
}

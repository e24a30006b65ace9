package config

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/proxy/ring"
)

// written is a file as v0.1 wrote it. These files never change: an operator or a
// proxy of that version goes on writing them.
func written(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/v0.1", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReadsWhatV01Wrote: a proxy reads the files of an operator that is older, and
// means by them what that one meant.
func TestReadsWhatV01Wrote(t *testing.T) {
	c, err := ParseConfig(written(t, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Cluster: "ring", Domains: []string{"example.com", "example.org"}, Advertise: "sip.example.com", Aliases: []string{"sip.example.com:5070"},
		Ports:     Ports{SIP: 5070, Peer: 8001, Health: 8002, Admin: 8003},
		Registrar: Registrar{MinExpires: 30, MaxExpires: 600, DefaultExpires: 600, MaxContacts: 4},
		Egress:    Egress{Contacts: ContactsAny, Allow: []string{"10.0.0.0/8"}, Deny: []string{"10.96.0.0/12", "192.0.2.0/24:1-1023"}},
		Limits:    Limits{NewPerSecond: 50, MessagesPerSecond: 20000, Trusted: []string{"10.1.0.0/16"}},
		LogLevel:  "debug", DrainSeconds: new(90), MaxTransactions: 200000, MaxRingSeconds: 45, TokenHours: 48, UDPLoops: 2, Profiling: true,
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("configuration (-want +got):\n%s", d)
	}

	trust, err := ParseTrust(written(t, "trust.json"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := trust.ParseMemberSet(written(t, "members.json"))
	if err != nil {
		t.Fatal(err)
	}
	members := []Member{
		{ID: 1, Name: "ring-0", Address: "10.0.0.1", Node: "a", Zone: "east", State: Active},
		{ID: 2, Name: "ring-1", Address: "fd00::1", State: Joining},
		{ID: 3, Name: "ring-2", Address: "10.0.0.3", Node: "c", State: Draining},
	}
	if d := cmp.Diff(members, set.Members); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
	if set.Epoch != 7 || set.Advertise != "sip.example.com:5060" || set.Ring != (Ring{Partitions: 16384, Replicas: 2, Seed: ring.Seed{1, 2, 3}}) {
		t.Errorf("epoch %d at %s, ring %+v", set.Epoch, set.Advertise, set.Ring)
	}

	keys, err := ParseKeys(written(t, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	for purpose, want := range map[string]string{
		PurposeToken:     "319a27b7728d907d527cf9d9cc27d78b1efd88c2866813ee67827a2cddcf3fad",
		PurposePeer:      "d036c099b2f09bb646aaf4f8258779748a248483ca3fe3c6b0517039b16385bb",
		PurposePeerProof: "ed11ad2843e136d7e4bf02296d46301c6977fad3f0a0c09cfc60810df5bfa926",
		PurposeMembers:   "f421a9e86b2d1a10410be70677b63dc2e04175b19dd10a809898246aa46d93ec",
		PurposeNonce:     "3d8fd817c42196ad38c84b68a9e429aa21afba1cdc18e6cf516d76e3976742ce",
	} {
		if got := hex.EncodeToString(keys.Keys[0].Derive(purpose)); got != want {
			t.Errorf("key for %q is %s, want %s: members of two versions would not know each other", purpose, got, want)
		}
	}
}

// TestOneListenerIsWrittenAsV01Did: the files of a cluster that has one listener are
// what they were before there could be more: the signature is over the member set's
// bytes, and a change of the configuration rolls the pods.
func TestOneListenerIsWrittenAsV01Did(t *testing.T) {
	c, err := ParseConfig(written(t, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	fields := func(text []byte) (all map[string]any) {
		if err := yaml.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if d := cmp.Diff(fields(written(t, "config.yaml")), fields(text)); d != "" {
		t.Errorf("configuration (-v0.1 +now):\n%s", d)
	}
	trust, err := ParseTrust(written(t, "trust.json"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := trust.ParseMemberSet(written(t, "members.json"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys(written(t, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(written(t, "members.json")), string(mustSign(t, keys, trust.Cluster, set))); d != "" {
		t.Errorf("member set (-v0.1 +now):\n%s", d)
	}
}

// TestFilesThatV01RefusesToReadWithMore: keys and trust are read strictly, so a
// field more than v0.1 knew would keep its proxies from starting.
func TestFilesThatV01RefusesToReadWithMore(t *testing.T) {
	keys := &Keys{Keys: []Key{fixedKey(1)}}
	for name, write := range map[string]func() ([]byte, error){"keys.json": keys.Marshal, "trust.json": keys.Trust(identity).Marshal} {
		text, err := write()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(names(t, written(t, name)), names(t, text)); d != "" {
			t.Errorf("fields of %s (-v0.1 +now):\n%s", name, d)
		}
	}
}

// names are those of all fields in a JSON text, sorted.
func names(t *testing.T, text []byte) []string {
	t.Helper()
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	var walk func(any)
	walk = func(node any) {
		switch n := node.(type) {
		case map[string]any:
			for name, value := range n {
				found[name] = true
				walk(value)
			}
		case []any:
			for _, value := range n {
				walk(value)
			}
		}
	}
	walk(document)
	return slices.Sorted(maps.Keys(found))
}

func TestConfigNamesWhatItDoesNotKnow(t *testing.T) {
	const least = "cluster: a\ndomains: [example.com]\n"
	for text, want := range map[string][]string{
		"":                                    nil,
		"LogLevel: warn":                      nil,
		"logLevl: debug":                      {"logLevl"},
		"registrar: {maxExpires: 900, q: 1}":  {"registrar.q"},
		"z: 1\nports: {tls: 5061, wss: null}": {"ports.tls", "ports.wss", "z"},
		"listeners: [{name: udp}]":            nil,
		"listeners: [{name: udp}, {name: b, port: 5070, quic: {a: 1}, Quic: {}}]\nlater: [{a: 1}]":              {"later", "listeners[1].Quic", "listeners[1].quic"},
		"listeners: [{name: b, protocol: TLS, tls: {certificates: [/c], ocsp: true}, webSocket: null, sni: a}]": {"listeners[0].sni", "listeners[0].tls.ocsp"},
		"egress: {tls: {verify: true}}": {"egress.tls"},
		"unknown: [cluster]":            {"unknown"},
		"5: five":                       {"5"},
	} {
		c, err := ParseConfig([]byte(least + text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, c.Unknown); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
	c, err := ParseConfig([]byte(string(written(t, "config.yaml")) + "sigtran: {port: 2905}\n"))
	if err != nil || c.TokenHours != 48 {
		t.Errorf("a later version's: %+v, %v", c, err)
	}
}

func TestConfigIsStrictInWhatItKnows(t *testing.T) {
	const least = "cluster: a\ndomains: [example.com]\n"
	for text, want := range map[string]string{
		"logLevel: warn\nlogLevel: debug":              "already",
		"logLevel: warn\nLogLevel: debug":              "LogLevel and logLevel are one field",
		"registrar: {maxExpires: 90, MAXExpires: 900}": "registrar.MAXExpires and maxExpires are one field",
		"later: {a: 1, a: 2}":                          "already",
		"ports: {sip: many}":                           "cannot unmarshal",
		"registrar: [1]":                               "cannot unmarshal",
		"drainSeconds: -1":                             "drainSeconds",
		"listeners: [{name: a, NAME: b}]":              "listeners[0].NAME and name are one field",
		"later: 1\nports: {sip: 70000}":                "ports.sip",
		"egress: {contacts: Everywhere}":               "egress.contacts",
		"{":                                            "parse configuration",
	} {
		if c, err := ParseConfig([]byte(least + text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want an error with %q", text, c, err, want)
		}
	}
}

// TestMemberSetPassesOnWhatItDoesNotKnow: what an operator of a later version adds is
// believed, and still is when a proxy of this one has passed it on.
func TestMemberSetPassesOnWhatItDoesNotKnow(t *testing.T) {
	keys := &Keys{Keys: []Key{fixedKey(1)}}
	content := []byte(`{"epoch":7,"later":{"b":1,"a":[1.50]},"members":[{"address":"10.0.0.1","id":1,"name":"ring-0","state":"active","weight":3}],"ring":{"partitions":64,"replicas":2,"salt":"x"}}`)
	content, _, err := splitSignatures(content)
	if err != nil {
		t.Fatal(err)
	}
	message, err := signedMessage(identity, content)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"signatures": []Signature{sign(keys.Keys[0], message)}})
	if err != nil {
		t.Fatal(err)
	}
	text = append(append(bytes.TrimSuffix(content, []byte("}")), ','), text[1:]...)

	trust := keys.Trust(identity)
	for hop := range 3 {
		set, err := trust.ParseMemberSet(text)
		if err != nil {
			t.Fatalf("after %d proxies: %v", hop, err)
		}
		if set.Epoch != 7 || set.Members[0].Name != "ring-0" || !trust.Believes(set) {
			t.Fatalf("after %d proxies: %+v, believed: %v", hop, set, trust.Believes(set))
		}
		if text, err = set.AsRead(); err != nil {
			t.Fatal(err)
		}
		set.Members[0].State = Draining
		if changed, err := set.AsRead(); err != nil || trust.Believes(set) || !bytes.Contains(changed, []byte("draining")) {
			t.Fatalf("changed since, it is believed: %s, %v", changed, err)
		}
	}
}

package cluster

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
)

func TestUpdateRoundTrip(t *testing.T) {
	text := rapid.SliceOfN(rapid.Byte(), 0, 40)
	rapid.Check(t, func(t *rapid.T) {
		u := location.Update{
			AOR: text.Draw(t, "aor"), CallID: text.Draw(t, "callID"), CSeq: rapid.Uint32().Draw(t, "cseq"),
			Fingerprint: rapid.Uint32().Draw(t, "fingerprint"),
			Star:        rapid.Bool().Draw(t, "star"), Path: text.Draw(t, "path"),
			Source: rapid.Uint64().Draw(t, "source"), Shared: rapid.Bool().Draw(t, "shared"),
			Proof: location.Proof{Nonce: rapid.Uint64().Draw(t, "nonce"), Count: rapid.Uint32().Draw(t, "count")},
			Flow: flow.Flow{
				Remote: rapid.SampledFrom([]netip.AddrPort{
					{}, netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("[2001:db8::1]:5060"),
				}).Draw(t, "remote"),
				Owner: rapid.Uint32Min(1).Draw(t, "owner"), Life: rapid.Uint32().Draw(t, "life"), Conn: rapid.Uint64().Draw(t, "conn"),
				Transport: flow.Transport(rapid.IntRange(0, int(flow.Transports)-1).Draw(t, "transport")),
			},
		}
		for range rapid.IntRange(0, 5).Draw(t, "contacts") {
			u.Contacts = append(u.Contacts, location.ContactUpdate{
				URI: text.Draw(t, "uri"), Params: text.Draw(t, "params"), Instance: text.Draw(t, "instance"),
				RegID: rapid.Uint32().Draw(t, "regID"), Q: rapid.Uint16().Draw(t, "q"), Expires: rapid.Uint32().Draw(t, "expires"),
			})
		}
		if u.Flow.Transport == flow.UDP && !isOwned(&u) {
			u.Flow = u.Flow.WithoutOwner()
		}
		if u.Claim = rapid.Bool().Draw(t, "claim"); u.Claim {
			u.From = location.Owner{ID: rapid.Uint32().Draw(t, "from"), Life: rapid.Uint32().Draw(t, "from life")}
		}
		var e Effects
		e.update(&u)
		var got location.Update
		r := reader{b: e.buf}
		r.update(&got)
		if r.bad || len(r.b) > 0 {
			t.Fatalf("bad %v, %d bytes left", r.bad, len(r.b))
		}
		same := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
		bytesEqual := cmp.Comparer(func(a, b []byte) bool { return string(a) == string(b) })
		none := cmp.Transformer("none", func(c []location.ContactUpdate) string { return fmt.Sprint(c) })
		if diff := cmp.Diff(u, got, same, bytesEqual, none); diff != "" {
			t.Fatalf("update (-want +got):\n%s", diff)
		}
		if got.Flow.Owner != u.Flow.Owner && u.Flow.Transport == flow.UDP || isOwned(&u) && got.Flow.Life != u.Flow.Life {
			t.Fatalf("owner %d-%d, want %d-%d", got.Flow.Owner, got.Flow.Life, u.Flow.Owner, u.Flow.Life)
		}
		for cut := range e.buf {
			r := reader{b: e.buf[:cut]}
			if r.update(&got); !r.bad {
				t.Fatalf("cut to %d of %d bytes and read", cut, len(e.buf))
			}
		}
	})
}

// A version that knows of no owners of UDP flows reads all else, and no further.
func TestOwnersFollowAllElse(t *testing.T) {
	u := newRegister(aor, 1, 3600).Update
	u.Flow = flow.OverUDP(netip.MustParseAddrPort("198.51.100.7:5062"))
	u.Proof = location.Proof{Nonce: 1, Count: 2}
	var plain, owned Effects
	plain.update(&u)
	u.Flow.Owner, u.Flow.Life = 3, 4
	owned.update(&u)
	if !bytes.HasPrefix(owned.buf[1:], plain.buf[1:]) || owned.buf[0]&^(updateOwned|updateClaim) != plain.buf[0] {
		t.Errorf("%x does not begin as %x", owned.buf, plain.buf)
	}
	for name, edit := range map[string]func([]byte){
		"nobody":          func(b []byte) { clear(b[len(b)-8 : len(b)-4]) },
		"in no life":      func(b []byte) { clear(b[len(b)-4:]) },
		"beyond the room": func(b []byte) { b[len(b)-5] = 1 },
	} {
		b := bytes.Clone(owned.buf)
		edit(b)
		var got location.Update
		if r := (reader{b: b}); !refuses(&r, &got) {
			t.Errorf("%s: read %+v", name, got.Flow)
		}
	}
}

// refuses reports whether an update is refused.
func refuses(r *reader, u *location.Update) (refused bool) {
	r.update(u)
	return r.bad
}

func TestCoreOfMessage(t *testing.T) {
	for name, tt := range map[string]struct {
		b    []byte
		core int
		ok   bool
	}{
		"empty":        {nil, 0, false},
		"no core":      {[]byte{0x11}, 0, false},
		"core 3":       {[]byte{0x11, 3}, 3, true},
		"no such core": {[]byte{0x11, Cores}, 0, false},
	} {
		if core, ok := CoreOfMessage(tt.b); core != tt.core || ok != tt.ok {
			t.Errorf("%s: %d, %v", name, core, ok)
		}
	}
}

// messages returns one or more of every kind, as cores make them.
func messages(t testing.TB) [][]byte {
	b := newBench(t, 2, 3)
	seen := map[byte]int{}
	var all [][]byte
	note := func() {
		for _, m := range b.mail {
			if seen[m.b[0]]++; seen[m.b[0]] < 4 {
				all = append(all, m.b)
			}
		}
	}
	carry := func() {
		for len(b.mail) > 0 {
			note()
			b.carryOne()
		}
	}
	b.meet()
	carry()
	edge := b.other(aor)
	b.register(edge, newRegister(aor, 1, 60))
	carry()
	b.register(edge, proving(1, 7, 1, newRegister(aor, 2, 60)))
	carry()
	b.lookup(edge, aor)
	carry()
	b.now += 100
	id := b.owners(aor)[1]
	b.die(id)
	b.lose(id)
	b.add(id)
	b.meet()
	carry()
	for range 1100 {
		b.now += 20
		edge.core.Tick(b.now, &edge.effects)
		b.collect(edge)
		carry()
	}
	for k := kindRegister; k <= kindDigest; k++ {
		if seen[protocolVersion|byte(k)] == 0 {
			t.Fatalf("no message of kind %d to begin with", k)
		}
	}
	return all
}

// FuzzMessage gives a core that is in the middle of everything whatever bytes there are.
func FuzzMessage(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(m, []byte{})
		f.Add(m, m)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		b := newBench(t, 2, 3)
		b.meet()
		b.carry()
		n := b.other(aor)
		b.register(n, newRegister(aor, 1, 60))
		b.lookup(n, aor)
		home := b.nodes[b.owners(aor)[0]]
		b.register(home, newRegister(aor, 2, 60))
		for _, target := range []*node{n, home} {
			for _, m := range [][]byte{first, second} {
				for from := uint32(0); from <= 4; from++ {
					if from != target.id {
						target.core.Message(b.now, from, m, &target.effects)
						target.effects.Reset()
					}
				}
			}
			target.core.Tick(b.now+20, &target.effects)
			target.core.Tick(b.now+5000, &target.effects)
			for _, s := range target.effects.Sends {
				if i, ok := CoreOfMessage(target.effects.Bytes(s)); !ok || i != 0 {
					t.Fatal("sent a message of no core")
				}
			}
			target.core.Stats()
		}
	})
}

// Nothing a peer says, cut short anywhere, is taken for something else or harms.
func TestCutMessages(t *testing.T) {
	for _, m := range messages(t) {
		for cut := range m {
			b := newBench(t, 2, 2)
			b.settle()
			n := b.nodes[1]
			before := n.core.Stats().DroppedMessages
			n.core.Message(b.now, 2, m[:cut], &n.effects)
			if kind(m[0]&0x0f) != kindSnapshot && n.core.Stats().DroppedMessages == before {
				t.Fatalf("kind %d cut to %d of %d bytes is not counted as dropped", m[0]&0x0f, cut, len(m))
			}
		}
	}
}

package location

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/flow"
)

// through is a UDP flow through a NAT, by way of a member.
func through(owner uint32, port uint16, listener uint16) flow.Flow {
	f := flow.OverUDP(netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), port))
	f.Owner, f.Life, f.Listener = owner, owner*10, listener
	return f
}

func by(f flow.Flow, u Update) Update {
	u.Flow = f
	return u
}

func claim(to, from flow.Flow) Update {
	return Update{AOR: []byte(aor), Claim: true, Flow: to, From: Owner{from.Owner, from.Life}}
}

// ways are the owner, port and listener of each live binding, by contact.
func ways(r Record, now int64) map[string][3]uint32 {
	got := map[string][3]uint32{}
	for b := range r.Live(now) {
		got[string(b.Contact)] = [3]uint32{b.Flow.Owner, uint32(b.Flow.Remote.Port()), uint32(b.Flow.Listener)}
	}
	return got
}

// A claim moves the flow that it names from the owner that it names, and nothing else.
func TestClaims(t *testing.T) {
	registered := by(through(1, 5062, 5060), register("a", 1, contact("sip:bob@10.0.0.1", 60)))
	other := by(through(1, 5064, 5060), register("b", 1, contact("sip:bob@10.0.0.2", 60)))
	for name, tt := range map[string]struct {
		at    int64 // seconds after the REGISTERs
		claim Update
		want  uint32 // who owns the flow of the first
	}{
		"the flow":                  {0, claim(through(2, 5062, 5060), through(1, 0, 0)), 2},
		"by its owner":              {0, claim(through(1, 5062, 5060), through(1, 0, 0)), 1},
		"another port":              {0, claim(through(2, 5063, 5060), through(1, 0, 0)), 1},
		"another listener":          {0, claim(through(2, 5062, 5070), through(1, 0, 0)), 1},
		"from another owner":        {0, claim(through(2, 5062, 5060), through(3, 0, 0)), 1},
		"from another life":         {0, claim(through(2, 5062, 5060), flow.Flow{Owner: 1, Life: 11}), 1},
		"of what is over":           {61, claim(through(2, 5062, 5060), through(1, 0, 0)), 0},
		"of what any member may do": {0, claim(through(2, 5066, 5060), flow.Flow{}), 1},
	} {
		var r Record
		for _, u := range []Update{registered, other} {
			r, _ = applied(start, r, &u, Limits{}, uint64(start), 1)
		}
		now := start + tt.at*1000
		before := show(r, now)
		old := ways(r, now)
		r, res := applied(now, r, &tt.claim, Limits{}, uint64(now), 2)
		if res.Status != StatusOK || res.Changed != (tt.want == 2 || name == "by its owner") {
			t.Errorf("%s: %+v", name, res)
		}
		if d := cmp.Diff(before, show(r, now)); d != "" {
			t.Errorf("%s: what is bound, before (-) and after (+):\n%s", name, d)
		}
		if tt.want != 0 {
			old["sip:bob@10.0.0.1"] = [3]uint32{tt.want, 5062, 5060}
		}
		if d := cmp.Diff(old, ways(r, now)); d != "" {
			t.Errorf("%s: want (-), got (+):\n%s", name, d)
		}
	}
}

func TestClaimsThatAreNone(t *testing.T) {
	good := claim(through(2, 5062, 0), through(1, 0, 0))
	for name, edit := range map[string]func(*Update){
		"with a contact":     func(u *Update) { u.Contacts = []ContactUpdate{contact("sip:bob@10.0.0.1", 60)} },
		"of all":             func(u *Update) { u.Star = true },
		"by nobody":          func(u *Update) { u.Flow.Owner = 0 },
		"by who cannot own":  func(u *Update) { u.Flow.Owner = 1 << 16 },
		"in no life":         func(u *Update) { u.Flow.Life = 0 },
		"of a connection":    func(u *Update) { u.Flow.Transport, u.Flow.Conn = flow.TCP, 1 },
		"of an application ": func(u *Update) { u.Flow.Transport = flow.Local },
	} {
		u := good
		if edit(&u); u.Valid() || !good.Valid() {
			t.Errorf("%s: %+v is valid", name, u)
		}
	}
}

// A phone that has begun anew with the REGISTER after the one that was claimed is not undone by a
// claim, whoever orders which first, nor is a claim by a copy of the REGISTER that it is of.
func TestClaimAndRegisterInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := by(through(1, 5062, 0), register("a", 1, contact("sip:bob@10.0.0.1", 60)))
		second := by(through(3, 5062, 0), register("a", 2, contact("sip:bob@10.0.0.1", 60)))
		taken := claim(through(2, 5062, 0), through(1, 0, 0))
		base, _ := applied(start, Record{}, &first, Limits{}, uint64(start), 1)
		clock := func(name string) uint64 {
			return uint64(start + int64(rapid.IntRange(1, 5000).Draw(t, name)))
		}
		copyOf := func() Record { r, _ := base.CopyTo(nil); return r }
		claimed, _ := applied(start+10, copyOf(), &taken, Limits{}, clock("claim"), 1)
		registered, _ := applied(start+20, copyOf(), &second, Limits{}, clock("register"), 2)
		m := merged(claimed, registered)
		if again := Reordered(claimed, registered); !again.IsZero() {
			m = merged(m, again)
		}
		if got := ways(m, start+30)["sip:bob@10.0.0.1"][0]; got != 3 {
			t.Fatalf("the flow is %d's", got)
		}
		if got := ways(merged(base, claimed), start+30)["sip:bob@10.0.0.1"][0]; got != 2 {
			t.Fatalf("the claimed flow is %d's", got)
		}
	})
}

// A claim changes a record where it is, as a refresh does, and merges like one.
func TestClaimInPlace(t *testing.T) {
	first := by(through(1, 5062, 5070), register("a", 1, contact("sip:bob@10.0.0.1", 60)))
	r, _ := applied(start, Record{}, &first, Limits{}, 5, 1)
	old, _ := r.CopyTo(nil)
	u := claim(through(2, 5062, 5070), through(1, 0, 0))
	after, res := applied(start, r, &u, Limits{}, 6, 1)
	if !sameBytes(r, after) || !res.Changed {
		t.Error("the record was made anew")
	}
	if ok, changed := mergeInPlace(old, after); !ok || !changed || ways(old, start)["sip:bob@10.0.0.1"] != [3]uint32{2, 5062, 5070} {
		t.Errorf("merged in place: %v, changed: %v: %v", ok, changed, ways(old, start))
	}
	parsed, _, _, err := ParseRecord(nil, AppendRecord(nil, after, start), start)
	if err != nil || ways(parsed, start)["sip:bob@10.0.0.1"] != [3]uint32{2, 5062, 5070} {
		t.Errorf("%v, %v", err, ways(parsed, start))
	}
}

// A version that knows of no owners takes the flow for one over UDP that any member sends over.
func TestOwnedFlowIsReadWithoutItsOwner(t *testing.T) {
	u := by(through(1, 5062, 5070), register("a", 1, contact("sip:bob@10.0.0.1", 60)))
	r, _ := applied(start, Record{}, &u, Limits{}, 5, 1)
	e, _ := r.entries()
	if !e.wellFormed() && e.expires() > maxRemaining { // which is a point in time here
		e.setExpires(60_000)
	}
	if !e.wellFormed() {
		t.Error("refused")
	}
	f := flow.Flow{Remote: e.remote(), Transport: flow.Transport(e[atTransport])}
	f.SetOwnerOrListener(le.Uint32(e[atOwner:]), le.Uint32(e[atLife:]))
	f.Conn = le.Uint64(e[atConn:])
	if want := flow.OverUDP(netip.MustParseAddrPort("198.51.100.7:5062")); f != want || !f.IsValid() {
		t.Errorf("%+v, want %+v", f, want)
	}
}

// Who had the flow before is told.
func TestReplacedOwners(t *testing.T) {
	for name, tt := range map[string]struct {
		before, now flow.Flow
		want        int
	}{
		"the same":       {through(1, 5062, 0), through(1, 5062, 0), 0},
		"another member": {through(1, 5062, 0), through(2, 5062, 0), 1},
		"another port":   {through(1, 5062, 0), through(1, 5063, 0), 1},
		"nobody's":       {through(0, 5062, 0), through(1, 5062, 0), 0},
		"to nobody":      {through(1, 5062, 0), through(0, 5062, 0), 1},
	} {
		u := by(tt.before, register("a", 1, contact("sip:bob@10.0.0.1", 60)))
		r, _ := applied(start, Record{}, &u, Limits{}, 5, 1)
		u = by(tt.now, register("a", 2, contact("sip:bob@10.0.0.1", 60)))
		if _, res := applied(start, r, &u, Limits{}, 6, 1); len(res.Replaced) != tt.want {
			t.Errorf("%s: %v", name, res.Replaced)
		}
	}
}

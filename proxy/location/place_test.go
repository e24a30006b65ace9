package location

import (
	"math/rand/v2"
	"testing"
)

// callers are what members know of what one user's calls proved.
type callers struct {
	t       *testing.T
	members [2]map[string]Record
	lim     Limits
}

// proves has a member say whether what a call proves is new, and tells the other one.
func (c *callers) proves(member int, now int64, p Proof, copy uint64) int {
	u := Update{AOR: AppendPlace([]byte("sip:alice@example.com"), p), Proof: p.ForPlace(), Source: copy}
	mine, others := c.members[member], c.members[1-member]
	r, res := applied(now, mine[string(u.AOR)], &u, c.lim, uint64(now), uint32(member+1))
	mine[string(u.AOR)], others[string(u.AOR)] = r, merged(others[string(u.AOR)], r)
	return res.Status
}

// TestCallsAreNeverRefused: of an account that makes 50 calls a second for longer than a nonce is good no call is refused,
// though each is up to two seconds late, at whichever member; a copy is let in as well, a replay of the last 30 s is
// not, and what is remembered stays bounded.
func TestCallsAreNeverRefused(t *testing.T) {
	const life, calls, known = 300_000, 400 * 50, 30 * 50
	for name, proofOf := range map[string]func(at int64, n int) Proof{
		"a nonce each": func(at int64, _ int) Proof {
			return Proof{uint64(at)<<nonceTime | uint64(rand.Uint32N(1<<nonceTime)), 1}
		},
		"a nonce each, one ms": func(at int64, n int) Proof {
			return Proof{uint64(at-at%1000)<<nonceTime | uint64(n)*0x9e37%(1<<nonceTime), 1}
		},
		"one nonce":             func(_ int64, n int) Proof { return Proof{nonceOf(0) | 0xffff0, uint32(n + 1)} },
		"a nonce for every ten": func(_ int64, n int) Proof { return Proof{nonceOf(int64(n/10)) | 0x12345, uint32(n%10 + 1)} },
		"one nonce, and one each else": func(at int64, n int) Proof {
			return [...]Proof{{nonceOf(0), uint32(n + 1)}, {uint64(at) << nonceTime, 1}}[n%2]
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := callers{t: t, members: [2]map[string]Record{{}, {}}, lim: Limits{NonceLife: life}}
			chance := rand.New(rand.NewPCG(1, 2))
			proofs := make([]Proof, calls)
			for n := range proofs {
				proofs[n] = proofOf(start+int64(n)*20, n)
			}
			for n := 0; n < calls; n += 100 {
				chance.Shuffle(100, func(i, j int) { proofs[n+i], proofs[n+j] = proofs[n+j], proofs[n+i] })
			}
			for n, p := range proofs {
				now := start + int64(n)*20 + 2000
				if got := c.proves(chance.IntN(2), now, p, uint64(n)); got != StatusOK {
					t.Fatalf("call %d, %+v: %d", n, p, got)
				}
				if again := max(n-chance.IntN(32*50), 0); n%10 == 0 {
					if got := c.proves(chance.IntN(2), now, proofs[again], uint64(again)); got != StatusOK {
						t.Fatalf("call %d once more after call %d: %d", again, n, got)
					}
				}
			}
			taken := 0
			for _, p := range proofs[calls-known:] {
				if c.proves(chance.IntN(2), start+calls*20+2000, p, 6e9) != StatusReplayed {
					taken++
				}
			}
			if taken > known/50 {
				t.Errorf("%d replays of %d are let in", taken, known)
			}
			size := 0
			for _, r := range c.members[0] {
				size += r.Size()
			}
			if len(c.members[0]) > 2*placeDigits*placeDigits || size > 200_000 {
				t.Errorf("%d bytes in %d places", size, len(c.members[0]))
			}
		})
	}
}

// TestPlaceIsOfNoOtherAOR: what is no place keeps to the rule of a REGISTER.
func TestPlaceIsOfNoOtherAOR(t *testing.T) {
	for aor, want := range map[string]bool{
		string(AppendPlace([]byte("sip:alice@example.com"), Proof{1, 1})):   true,
		string(AppendPlace([]byte("sip:alice@[2001:db8::1]"), Proof{2, 9})): true,
		"sip:alice@example.com":        false,
		"sip:alice@example.com:5060":   false,
		"sip:nab":                      false,
		"sip:alice@[2001:db8::1]:5060": false,
		"sip:alice@[2001:db8::ab1]":    false,
		"sip:a@b":                      false,
		":nab":                         false,
	} {
		if isPlace([]byte(aor)) != want {
			t.Errorf("%s is a place: %v", aor, !want)
		}
	}
}

// TestPlaceForgets what no nonce can be good for any more.
func TestPlaceForgets(t *testing.T) {
	s := NewStore(1)
	p := Proof{nonceOf(0), 1}
	u := Update{AOR: AppendPlace([]byte("sip:alice@example.com"), p), Proof: p.ForPlace(), Source: 1}
	lim := Limits{NonceLife: 300_000}
	ask := func(now int64, copy uint64) int {
		again := u
		again.Source = copy
		return s.Apply(now, 0, 1, &again, lim, uint64(now), 1).Status
	}
	for _, x := range []struct {
		at   int64
		copy uint64
		want int
	}{{0, 1, 200}, {copiesFor - 1, 1, 200}, {copiesFor - 1, 2, 401}, {copiesFor, 1, 401}, {300_000, 2, 401}} {
		if got := ask(start+x.at, x.copy); got != x.want {
			t.Errorf("after %d ms, copy %d: %d, want %d", x.at, x.copy, got, x.want)
		}
	}
	if s.Purge(start+300_000, 0); s.Stats().Records != 1 {
		t.Error("it is forgotten while the nonce is good")
	}
	if s.Purge(start+300_000+copiesFor, 0); s.Stats().Records != 0 {
		t.Error("it is remembered for longer than the nonce is good")
	}
}

// TestPlacesTakeTheRoomThatIsLeft by who registers: where that is little a call is not remembered, and goes on.
func TestPlacesTakeTheRoomThatIsLeft(t *testing.T) {
	p := Proof{nonceOf(0), 1}
	call := Update{AOR: AppendPlace([]byte("sip:alice@example.com"), p), Proof: p.ForPlace(), Source: 1}
	bind := proving(1, 0, 1, register("a", 1, contact("sip:a@1", 60)))
	for room, want := range map[Room][2]int{RoomForAll: {200, 200}, RoomForSome: {StatusNoRoom, 200}, RoomForKnown: {StatusNoRoom, StatusNoRoom}} {
		for i, u := range []Update{call, bind} {
			if _, res := applied(start, Record{}, &u, Limits{Room: room}, 5, 1); res.Status != want[i] {
				t.Errorf("room %d, %s: %d, want %d", room, u.AOR, res.Status, want[i])
			}
		}
	}
}

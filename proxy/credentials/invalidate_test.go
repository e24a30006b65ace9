package credentials

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTakingBack: what a notification names is not answered as it was, the rest is.
func TestTakingBack(t *testing.T) {
	const (
		alice, aliceAt, bob, nobody = "alice", "alice@example.com", "bob", "nobody"
	)
	for payload, again := range map[string]map[string]bool{
		"alice@example.com":  {alice: true, aliceAt: true},
		"alice@EXAMPLE.com":  {alice: true, aliceAt: true},
		"alice":              {alice: true, aliceAt: true},
		"alice@other.test":   {alice: true}, // whose realm may be called so
		"nobody@example.com": {nobody: true},
		"nobody":             {nobody: true},
		"carol@example.com":  {},
		"":                   {alice: true, aliceAt: true, bob: true, nobody: true},
	} {
		t.Run(payload, func(t *testing.T) {
			bubble(t, newFake(alice, aliceAt, bob), usual(), defaultBounds, func(b *bench) {
				b.fold = true
				all := map[string]Answer{alice: Found, aliceAt: Found, bob: Found, nobody: Unknown}
				for user, want := range all {
					b.want(user, want)
				}
				b.take(payload)
				for user, want := range all {
					if again[user] {
						want = Ask
					}
					if got, _ := b.look(user); got != want {
						t.Errorf("%s is %v, want %v", user, got, want)
					}
				}
				for user, want := range all {
					b.want(user, want)
				}
				b.wantTotal(4 + len(again))
			})
		})
	}
}

// TestTakenBackWhileUnderWay: the answer to a question that was asked before is not kept.
func TestTakenBackWhileUnderWay(t *testing.T) {
	for rule, take := range map[string]func(b *bench){
		"by name":          func(b *bench) { b.take("new@example.com") },
		"all":              func(b *bench) { b.take("") },
		"perhaps, unheard": func(b *bench) { b.missSome() },
	} {
		t.Run(rule, func(t *testing.T) {
			bubble(t, newFake(), usual(), defaultBounds, func(b *bench) {
				b.source.set(func() { b.source.takes = time.Second })
				var answered atomic.Bool
				b.Ask(query("new"), func() { answered.Store(true) })
				time.Sleep(500 * time.Millisecond)
				b.source.set(func() { b.source.users["new"] = finding{known: true, is: Credential{HasMD5: true}} })
				take(b)
				time.Sleep(time.Second)
				if answered.Load() {
					t.Error("answered by what was so before")
				}
				time.Sleep(time.Second)
				if got, c := b.look("new"); !answered.Load() || got != Found || c.Stale {
					t.Errorf("answered: %v; %v, %+v", answered.Load(), got, c)
				}
			})
		})
	}
}

// TestTakenBackAllTheTime: the source is asked a few times, and nobody waits for ever.
func TestTakenBackAllTheTime(t *testing.T) {
	for rule, c := range map[string]struct {
		users []string
		want  Answer
	}{
		"known":  {[]string{"alice"}, Found},
		"absent": {nil, Unavailable},
	} {
		t.Run(rule, func(t *testing.T) {
			bubble(t, newFake(c.users...), usual(), defaultBounds, func(b *bench) {
				b.source.set(func() { b.source.answer = func(*question) { b.take("alice@example.com") } })
				b.want("alice", c.want)
				b.wantTotal(retakes)
			})
		})
	}
}

// TestTakenBackWhileTheSourceIsAway: who was named is no longer known, the others are.
func TestTakenBackWhileTheSourceIsAway(t *testing.T) {
	bubble(t, newFake("alice", "bob"), usual(), defaultBounds, func(b *bench) {
		b.want("alice", Found)
		b.want("bob", Found)
		b.source.set(func() { b.source.err = errGone })
		b.take("alice@example.com")
		b.want("alice", Unavailable)
		b.take("")
		if c := b.want("bob", Found); !c.Stale {
			t.Error("bob is not stale")
		}
	})
}

// TestUnheardChangesAreAskedForBeside: known users do not wait after the database was away, and what was absent is asked for.
func TestUnheardChangesAreAskedForBeside(t *testing.T) {
	bubble(t, newFake("alice"), usual(), defaultBounds, func(b *bench) {
		b.want("alice", Found)
		b.want("nobody", Unknown)
		b.missSome()
		if got, c := b.look("alice"); got != Found || !c.Stale {
			t.Errorf("alice is %v, %+v", got, c)
		}
		if got, _ := b.look("nobody"); got != Ask {
			t.Errorf("nobody is %v", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, c := b.look("alice"); got != Found || c.Stale {
			t.Errorf("a moment later alice is %v, %+v", got, c)
		}
	})
}

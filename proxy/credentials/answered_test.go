package credentials

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestWhoAskedIsAnswered: whatever becomes of the source and of what is taken back, Look does not say Ask to who has asked,
// and who was known is, while nobody names him.
func TestWhoAskedIsAnswered(t *testing.T) {
	src, bounds := newFake("known"), defaultBounds
	bounds.queue, bounds.waiting = 4, 40
	for i := range 100 {
		src.users[fmt.Sprint("u", i)] = finding{known: true, is: Credential{HasMD5: true}}
	}
	set := usual()
	set.life = time.Second
	bubble(t, src, set, bounds, func(b *bench) {
		b.want("known", Found)
		var all sync.WaitGroup
		for seed := range uint64(20) {
			all.Go(func() {
				random := rand.New(rand.NewPCG(seed, 1))
				for range 1000 {
					time.Sleep(time.Duration(random.IntN(int(20 * time.Millisecond))))
					switch random.IntN(100) {
					case 0:
						src.set(func() { src.err = errGone })
					case 1, 2, 3:
						src.set(func() { src.err = nil })
					case 4:
						b.take("u1@example.com")
					case 5:
						b.missSome()
					case 6:
						if seed == 0 {
							b.takeAll()
						}
					}
					user := fmt.Sprint("u", random.IntN(150))
					if got, _ := b.look(user); got == Ask {
						done := make(chan struct{})
						b.Ask(query(user), func() { close(done) })
						<-done
						if got, _ = b.look(user); got == Ask {
							t.Errorf("%s is to ask again", user)
						}
					}
				}
			})
		}
		all.Wait()
		b.want("known", Found)
		if n := b.waits.Load(); n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

// TestOneTriesWhetherTheSourceIsBack: who comes beside is told at once, and is not sent to ask again when it is.
func TestOneTriesWhetherTheSourceIsBack(t *testing.T) {
	bubble(t, newFake("one", "two"), usual(), defaultBounds, func(b *bench) {
		b.source.set(func() { b.source.err = errGone })
		for i := range breakAfter {
			b.want(fmt.Sprint("u", i), Unavailable)
		}
		b.source.set(func() { b.source.err, b.source.takes = nil, 100*time.Millisecond })
		total := b.source.total()
		time.Sleep(2 * lastPause * time.Millisecond)
		for _, user := range []string{"one", "two"} {
			if got, _ := b.look(user); got != Ask {
				t.Errorf("%s is %v", user, got)
			}
		}
		var one, two atomic.Bool
		b.Ask(query("one"), func() { one.Store(true) })
		if b.Ask(query("two"), func() { two.Store(true) }); one.Load() || !two.Load() {
			t.Errorf("called: %v, %v", one.Load(), two.Load())
		}
		b.wantTotal(total + 1)
		time.Sleep(200 * time.Millisecond)
		b.want("one", Found)
		if got, _ := b.look("two"); got != Unavailable {
			t.Errorf("two is %v", got)
		}
		time.Sleep(awayLife)
		b.want("two", Found)
	})
}

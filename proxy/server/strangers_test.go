package server

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// forged is the n-th of many addresses that nobody has.
func forged(n int) netip.Addr { return netip.AddrFrom4([4]byte{127, 200, byte(n >> 8), byte(n)}) }

// However many sources a flood is forged from, and whatever it is, most of it is
// dropped unread. Those who have registered or answered notice nothing.
func TestForgedSourcesLeaveTheKnownAlone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]func(i int) string{
		"INVITEs to nobody": func(i int) string {
			return smallRequest("INVITE", "sip:nobody@example.com", fmt.Sprintf("sip:n%d@example.com", i), "")
		},
		"registrations": func(i int) string {
			return smallRequest("REGISTER", "sip:example.com", fmt.Sprintf("sip:n%d@example.com", i), fmt.Sprintf("m:<sip:a@%s>\r\n", forged(i)))
		},
		"what is answered at once": func(int) string { return smallRequest("OPTIONS", "sip:example.com", "sip:example.com", "") },
		"malformed":                func(int) string { return smallRequest("MESSAGE", "sip:example.com", "sip:a@b", "CSeq:x\r\n") },
		"ACKs":                     func(int) string { return smallRequest("ACK", "sip:a@b", "sip:a@b", "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startProxy(t, func(o *proxyOptions) { o.config.UDPLoops = 1 })
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			alice.register(x)
			bob.register(x)
			caller, _ := establish(t, x, alice, bob)
			const each, rounds = 2000, 10
			began, before := time.Now(), x.metrics.allRequests()
			for round := range rounds {
				for i := range each {
					n := round*each + i
					x.Message(flow.OverUDP(netip.AddrPortFrom(forged(n), 5060)), []byte(text(n)))
				}
				caller.send("INFO")
				bob.reply(bob.request("INFO"), 200, "OK", "")
				alice.status(200)
				bob.register(x)
			}
			read := int(x.metrics.allRequests() - before)
			most := strangersRead/strangersBurst + int(strangersRead*time.Since(began).Seconds()) + 100 // those of the phones
			if read > most || int(x.metrics.dropped[dropStrangers].Load()) < rounds*each-most {
				t.Errorf("%d of %d were read, want up to %d", read, rounds*each, most)
			}
		})
	}
}

// A flood of forged sources, each met once, gets what all strangers may have; one
// source gets its part, and leaves the rest to others.
func TestBudgetOfStrangers(t *testing.T) {
	const cores = 2
	l := newStrangers(cores)
	for name, c := range map[string]struct {
		pool
		perSecond, cost int
	}{
		"read":             {l.read, cores * strangersRead, 1},
		"registrations":    {newStrangers(cores).begun, cores * strangersBegin, 1},
		"other new things": {l.begun, cores * strangersBegin, otherCost},
	} {
		now, n, got := int64(0), 0, 0
		for ; now < 10_000; now++ {
			for range 60 { // 60,000/s
				if n++; c.allow(now, forged(n), c.cost) {
					got++
				}
			}
		}
		if most := (10*c.perSecond + c.perSecond/strangersBurst) / c.cost; got > most || got < most*98/100 {
			t.Errorf("%s: %d of forged sources in ten seconds, want %d", name, got, most)
		}
		one, others := 0, 0
		for now = 11_000; now < 21_000; now++ {
			for range 60 {
				if c.allow(now, forged(0), c.cost) {
					one++
				}
			}
			if c.allow(now, forged(1+int(now)%50), c.cost) {
				others++
			}
		}
		if most := 11 * c.perSecond / strangerPart / c.cost; one > most || one < most*8/10 || others != 10_000 {
			t.Errorf("%s: %d of one source, want up to %d; %d of 10000 of others", name, one, most, others)
		}
	}
}

// After a power cut all phones are strangers. Those of one core register before any
// gives up (RFC 3261 17.1.2.2: Timer E, and F after 32 s).
func TestEverybodyRegistersAfterAPowerCut(t *testing.T) {
	const phones, started, timerF = 100_000, 2000, 32_000
	random := rand.New(rand.NewPCG(1, 2))
	var due [started + timerF + 1][]int64 // of each millisecond, the pauses before the phones that send then
	for range phones {
		at := random.IntN(started)
		due[at] = append(due[at], 250)
	}
	l, n, taken, last := newStrangers(1), 0, 0, 0
	for now := range due {
		for _, pause := range due[now] {
			n++
			phone := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
			if l.read.allow(int64(now), phone, 1) && l.begun.allow(int64(now), phone, 1) {
				taken, last = taken+1, now
				continue
			}
			pause = min(2*pause, 4000)
			if again := now + int(pause); again < len(due) {
				due[again] = append(due[again], pause)
			}
		}
	}
	t.Logf("the last of %d phones registered after %d ms", taken, last)
	if taken < phones {
		t.Errorf("%d of %d phones gave up", phones-taken, phones)
	}
}

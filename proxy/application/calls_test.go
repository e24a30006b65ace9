package application

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// begin begins a call whose 2xx is acknowledged at once.
func (c *Calls) begin(aor, key string, now int64) bool {
	is := c.Begin([]byte(aor), []byte(key), now)
	c.Touch([]byte(key), now)
	return is
}

// TestPinsAreDue when the first call begins, each half of a pin's life, and when the last call has ended.
func TestPinsAreDue(t *testing.T) {
	c := NewCalls(86_400_000, 30_000)
	due := func(at int64, want ...PinDue) {
		t.Helper()
		if d := cmp.Diff(append([]PinDue{}, want...), c.Due(at, 10)); d != "" {
			t.Errorf("at %d (-want +got):\n%s", at, d)
		}
	}
	due(0)
	c.begin("a", "1", 1_000)
	due(999)
	due(1_000, PinDue{"a", 60})
	c.begin("a", "2", 2_000)
	c.begin("a", "2", 3_000) // as a 2xx that is repeated
	due(30_999)
	due(31_000, PinDue{"a", 60})
	c.End([]byte("1"), 40_000)
	c.End([]byte("1"), 41_000)
	due(60_999)
	due(61_500, PinDue{"a", 60})
	c.End([]byte("2"), 70_000)
	if n, since, ok := c.Of([]byte("a")); n != 0 || since != 70_000 || !ok || c.Live() != 0 {
		t.Errorf("%d calls since %d, %v", n, since, ok)
	}
	due(71_001, PinDue{"a", 29})
	due(99_999)
	if c.Pins() != 1 {
		t.Error("it is forgotten too early")
	}
	c.begin("a", "3", 99_999)
	due(100_000, PinDue{"a", 60})
	c.End([]byte("3"), 110_000)
	due(110_000, PinDue{"a", 30})
	c.Again("a", 110_100)
	due(111_099)
	due(111_100, PinDue{"a", 29})
	due(140_000)
	if c.Pins() != 0 {
		t.Error("it is not forgotten")
	}
}

// TestPinsAreRenewedByWhoCalls: without delay, and before the call is answered; not each time anew, nor while calls are up.
func TestPinsAreRenewedByWhoCalls(t *testing.T) {
	c := NewCalls(86_400_000, 5_000)
	soon := func(at int64, want ...PinDue) {
		t.Helper()
		select {
		case <-c.News():
		default:
			if len(want) > 0 {
				t.Errorf("at %d nobody is told", at)
			}
		}
		if d := cmp.Diff(append([]PinDue(nil), want...), c.DueSoon(at)); d != "" {
			t.Errorf("at %d (-want +got):\n%s", at, d)
		}
	}
	invited := func(at int64) { c.Invited([]byte("a"), at) }
	invited(0)
	soon(0, PinDue{"a", 5})
	invited(100)
	soon(100)
	if got := c.Due(499, 10); len(got) != 0 {
		t.Errorf("written anew too early: %v", got)
	}
	if got := c.Due(500, 10); len(got) != 1 || got[0].Seconds != 5 {
		t.Errorf("%v", got)
	}
	invited(4_700)
	invited(4_701)
	soon(4_701, PinDue{"a", 5})
	c.begin("a", "1", 4_800)
	soon(4_800)
	if got := c.Due(5_201, 10); len(got) != 1 || got[0].Seconds != 60 {
		t.Errorf("of one with a call: %v", got)
	}
	invited(20_000)
	soon(20_000)
	c.End([]byte("1"), 20_000)
	c.Due(20_000, 10)
	c.Again("a", 20_001)
	c.begin("a", "2", 20_002)
	soon(20_002, PinDue{"a", 60})
	c.End([]byte("2"), 20_003)
	c.Due(20_003, 10)
	c.Held("a", 3_000, 20_003)
	invited(20_004)
	soon(20_004, PinDue{"a", 5})
	if c.Due(26_000, 10); c.Pins() != 0 {
		t.Error("it is not forgotten")
	}
}

// TestPinsAreWrittenAgain: while there are calls, when the pin of another application is over that kept this one from
// being written, or took its place while this application took no calls.
func TestPinsAreWrittenAgain(t *testing.T) {
	c := newCalls(86_400_000, 5_000, 10, 10)
	due := func(now int64, want ...PinDue) {
		t.Helper()
		if got := c.Due(now, 10); !slices.Equal(got, want) {
			t.Errorf("at %d %v, want %v", now, got, want)
		}
	}
	c.begin("a", "1", 0)
	c.begin("b", "2", 0)
	due(0, PinDue{"a", 60}, PinDue{"b", 60})
	c.Held("a", 4_000, 10)
	due(4_009)
	due(4_010, PinDue{"a", 60})
	c.Held("a", 1, 4_010)
	due(4_011)
	due(5_010, PinDue{"a", 60})
	c.Held("a", 50_000, 5_010)
	due(30_000, PinDue{"b", 60})
	due(35_010, PinDue{"a", 60}) // as ever
	c.End([]byte("2"), 36_000)
	due(36_000, PinDue{"b", 5})
	c.Anew(36_001)
	due(36_001, PinDue{"a", 60})
	c.Held("b", 1_000, 36_001) // it has no call
	due(37_500)
}

// TestInvitedMakesNoRoom: who only calls does not take the place of another address-of-record.
func TestInvitedMakesNoRoom(t *testing.T) {
	c := newCalls(86_400_000, 5_000, 10, 2)
	for _, aor := range []string{"a", "b", "c"} {
		c.Invited([]byte(aor), 0)
	}
	if _, _, ok := c.Of([]byte("c")); ok || c.Pins() != 2 {
		t.Errorf("%d pins", c.Pins())
	}
	none := NewCalls(86_400_000, 0)
	if none.Invited([]byte("a"), 0); none.Pins() != 0 {
		t.Error("pinned, with pins of no time")
	}
	many := NewCalls(86_400_000, 5_000)
	for i := range 2 * maxSoon {
		many.Invited(fmt.Append(nil, i), 0)
	}
	if got := many.DueSoon(0); len(got) != maxSoon {
		t.Errorf("%d are to be written without delay", len(got))
	}
	if got := many.Due(0, 1000); len(got) != maxSoon {
		t.Errorf("%d are to be written", len(got))
	}
}

// TestPinsOfNoSeconds are there while there are calls, and removed with the last; what was over before it was written is
// not.
func TestPinsOfNoSeconds(t *testing.T) {
	c := NewCalls(86_400_000, 0)
	c.begin("a", "1", 0)
	if got := c.Due(0, 10); len(got) != 1 || got[0].Seconds != 60 {
		t.Errorf("%v", got)
	}
	c.End([]byte("1"), 10)
	if got := c.Due(10, 10); len(got) != 1 || got[0].Seconds != 0 {
		t.Errorf("%v", got)
	}
	if c.Due(20, 10); c.Pins() != 0 {
		t.Error("it is not forgotten")
	}
	c.begin("a", "1", 20)
	c.End([]byte("1"), 21)
	if got := c.Due(22, 10); len(got) != 0 || c.Pins() != 0 {
		t.Errorf("%v", got)
	}
}

// TestCallsEnd by themselves after the last that was heard of them, and all with their application.
func TestCallsEnd(t *testing.T) {
	c := NewCalls(1_000, 30_000)
	c.begin("a", "1", 0)
	c.begin("b", "2", 100)
	c.Touch([]byte("1"), 900)
	c.Touch([]byte("3"), 900)
	c.Due(1_100, 10)
	if _, since, _ := c.Of([]byte("b")); c.Live() != 1 || since != 1_100 {
		t.Errorf("%d calls, b has none since %d", c.Live(), since)
	}
	c.begin("a", "4", 1_200)
	c.EndAll(1_300)
	if n, since, _ := c.Of([]byte("a")); c.Live() != 0 || n != 0 || since != 1_300 {
		t.Errorf("%d calls, a has %d since %d", c.Live(), n, since)
	}
}

// TestCallWithoutACK ends when its 2xx is repeated no more: an application that hung answers INVITEs whose callers have gone.
func TestCallWithoutACK(t *testing.T) {
	c := NewCalls(86_400_000, 5_000)
	c.Begin([]byte("a"), []byte("1"), 0)
	c.Begin([]byte("a"), []byte("2"), 0)
	c.Begin([]byte("a"), []byte("1"), 500) // again
	c.Touch([]byte("2"), 600)
	c.Begin([]byte("a"), []byte("1"), 31_500)
	if c.Due(repeats-1, 10); c.Live() != 2 {
		t.Errorf("%d calls before", c.Live())
	}
	if c.Due(repeats, 10); c.Live() != 1 {
		t.Errorf("%d calls", c.Live())
	}
	if c.Due(86_400_000, 10); c.Live() != 1 {
		t.Error("one that goes on has ended")
	}
}

// TestRepeatedAnswerIsNoNewCall: the 2xx of a call may come again when that has ended, which would not end a second time.
func TestRepeatedAnswerIsNoNewCall(t *testing.T) {
	c := newCalls(86_400_000, 30_000, 3, 3)
	c.begin("a", "1", 0)
	c.End([]byte("1"), 100)
	if !c.begin("a", "1", 100+repeats-1) || c.Live() != 0 || c.Refused() != 0 {
		t.Errorf("%d calls", c.Live())
	}
	if c.begin("a", "1", 100+repeats); c.Live() != 1 {
		t.Error("it is remembered for ever")
	}
	for i := range 10 { // of no more than there may be calls
		key := fmt.Sprint("b", i)
		c.begin("a", key, 50_000)
		c.End([]byte(key), 50_000)
	}
	if len(c.past) != 3 || len(c.ended) != 3 {
		t.Errorf("%d are remembered", len(c.past))
	}
	c.EndAll(50_000)
}

// TestCallsAreBounded: who has no calls makes room for others, who has them does not.
func TestCallsAreBounded(t *testing.T) {
	c := NewCalls(86_400_000, 86_400_000)
	for i := range MaxCalls + 100 {
		if got := c.begin(fmt.Sprint("a", i%1000), fmt.Sprint(i), int64(i)); got != (i < MaxCalls) {
			t.Fatalf("call %d: %v", i, got)
		}
	}
	if c.Live() != MaxCalls || c.Refused() != 100 || c.Pins() != 1000 {
		t.Errorf("%d calls, %d refused, %d pins", c.Live(), c.Refused(), c.Pins())
	}
	c.EndAll(50_000)
	for i := range 2 * MaxAORs {
		key := fmt.Sprint(i)
		if got := c.begin(fmt.Sprint("b", i), key, 60_000); got != (i < MaxAORs) {
			t.Fatalf("address %d: %v", i, got)
		}
	}
	if c.Live() != MaxAORs || c.Pins() != MaxAORs {
		t.Errorf("%d calls, %d pins", c.Live(), c.Pins())
	}
	if got := c.Due(60_000, 10); len(got) != 10 {
		t.Errorf("%d pins are due of at most 10", len(got))
	}
	if got := c.Due(60_000, MaxAORs); len(got) != MaxAORs-10 {
		t.Errorf("%d pins are due", len(got))
	}
}

// plain is Calls as one would write them without a thought for time and memory.
type plain struct {
	calls map[string]plainCall // by key
	ended map[string]int64     // by key: until when it may be repeated
	pins  map[string]plainPin  // by address
}

type plainCall struct {
	aor  string
	ends int64
}

type plainPin struct {
	since int64 // without calls
	until int64 // the pin is good
	wrote int64
}

// rests reports whether the pin need not be written anew yet.
func (p plainPin) rests(now int64) bool {
	return p.until >= now+pinEnough-pinRests && now-p.wrote < pinRests
}

func (m *plain) of(aor string) (n int) {
	for _, c := range m.calls {
		if c.aor == aor {
			n++
		}
	}
	return n
}

// at ends calls until now, in their order.
func (m *plain) at(now int64) {
	for {
		first := ""
		for key, c := range m.calls {
			if c.ends <= now && (first == "" || c.ends < m.calls[first].ends) {
				first = key
			}
		}
		if first == "" {
			return
		}
		m.end(first, m.calls[first].ends)
	}
}

func (m *plain) end(key string, at int64) {
	aor := m.calls[key].aor
	delete(m.calls, key)
	if p := m.pins[aor]; m.of(aor) == 0 {
		p.since = at
		m.pins[aor] = p
	}
}

// TestCallsAgreeWithAPlainCount, and pins are good while there are calls and after, as far as each second's writes can
// make them.
func TestCallsAgreeWithAPlainCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := rapid.Int64Range(1_000, 200_000).Draw(t, "life")
		after := rapid.Int64Range(0, 90_000).Draw(t, "after")
		const maxCalls, maxAORs = 12, 4
		c, m := newCalls(life, after, maxCalls, maxAORs), plain{map[string]plainCall{}, map[string]int64{}, map[string]plainPin{}}
		now, refused := int64(0), uint64(0)
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now += rapid.Int64Range(0, 40_000).Draw(t, "passes") * rapid.Int64Range(0, 1).Draw(t, "or not")
			m.at(now)
			key := fmt.Sprint(rapid.IntRange(0, 15).Draw(t, "key"))
			switch rapid.SampledFrom([]string{"begin", "begin", "begin", "invite", "touch", "end", "all"}).Draw(t, "what") {
			case "begin":
				aor := fmt.Sprint(rapid.IntRange(0, 6).Draw(t, "aor"))
				old, there := m.calls[key]
				_, pinnedAlready := m.pins[aor]
				idle := slices.DeleteFunc(slices.Collect(maps.Keys(m.pins)), func(aor string) bool { return m.of(aor) > 0 })
				room := len(m.calls) < maxCalls && (pinnedAlready || len(m.pins) < maxAORs || len(idle) > 0)
				over := m.ended[key] > now && !there
				got := c.begin(aor, key, now)
				if got != (there || over || room) {
					t.Fatalf("begun: %v", got)
				}
				switch {
				case over:
				case there:
					m.calls[key] = plainCall{old.aor, now + life}
				case !room:
					refused++
				default:
					if !pinnedAlready && len(m.pins) >= maxAORs {
						for _, aor := range idle { // the one that had to make room is among those without calls for longest
							if _, _, ok := c.Of([]byte(aor)); !ok {
								for _, other := range idle {
									if m.pins[other].since < m.pins[aor].since {
										t.Fatalf("%s made room, and %s has no calls for longer", aor, other)
									}
								}
								delete(m.pins, aor)
							}
						}
					}
					m.calls[key] = plainCall{aor, now + life}
					if !pinnedAlready {
						m.pins[aor] = plainPin{}
					}
				}
			case "invite":
				aor := fmt.Sprint(rapid.IntRange(0, 6).Draw(t, "aor"))
				if p, there := m.pins[aor]; after > 0 && m.of(aor) == 0 && (there || len(m.pins) < maxAORs) {
					p.since = now
					m.pins[aor] = p
				}
				c.Invited([]byte(aor), now)
			case "touch":
				if old, there := m.calls[key]; there {
					m.calls[key] = plainCall{old.aor, now + life}
				}
				c.Touch([]byte(key), now)
			case "end":
				if _, there := m.calls[key]; there {
					m.end(key, now)
					m.ended[key] = now + repeats
				}
				c.End([]byte(key), now)
			case "all":
				for key := range m.calls {
					m.end(key, now)
				}
				c.EndAll(now)
			}
			due := c.DueSoon(now)
			for _, pin := range append(due, c.Due(now, 100)...) {
				p, there := m.pins[pin.AOR]
				if !there {
					t.Fatalf("the pin of %s is due, which has none", pin.AOR)
				}
				p.until, p.wrote = now+int64(pin.Seconds)*1000, now
				m.pins[pin.AOR] = p
			}
			for aor, p := range m.pins {
				n := m.of(aor)
				if n == 0 && now >= p.since+after {
					if p.until >= now+1000 { // rounded up
						t.Fatalf("%s is pinned until %d, now %d", aor, p.until, now)
					}
					if _, _, ok := c.Of([]byte(aor)); !ok {
						delete(m.pins, aor)
						continue
					}
				}
				if !p.rests(now) && (n > 0 && p.until < now+minPinLife/2-1000 || n == 0 && p.until < p.since+after) {
					t.Fatalf("%s has %d calls and is pinned until %d, now %d", aor, n, p.until, now)
				}
				if got, since, ok := c.Of([]byte(aor)); got != n || n == 0 && since != p.since || !ok {
					t.Fatalf("%s has %d calls since %d, %v; want %d since %d", aor, got, since, ok, n, p.since)
				}
			}
			if c.Live() != len(m.calls) || c.Refused() != refused || c.Live() > maxCalls || c.Pins() > maxAORs {
				t.Fatalf("%d calls of %d, %d refused of %d, %d pins", c.Live(), len(m.calls), c.Refused(), refused, c.Pins())
			}
		}
	})
}

// TestCallsMayBeCountedByMany (with -race).
func TestCallsMayBeCountedByMany(t *testing.T) {
	c := NewCalls(1000, 1000)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 500 {
				key := fmt.Sprint(i, "-", j)
				c.begin(fmt.Sprint("a", j%10), key, int64(j))
				c.Touch([]byte(key), int64(j))
				c.Due(int64(j), 10)
				c.End([]byte(key), int64(j))
			}
		})
	}
	all.Wait()
	if c.Live() != 0 {
		t.Errorf("%d calls are left", c.Live())
	}
}

func TestKeysOfCalls(t *testing.T) {
	one := AppendKey(nil, []byte("ab"), []byte("c"))
	for _, other := range [][2]string{{"a", "bc"}, {"ab", "d"}, {"ac", "c"}} {
		if string(one) == string(AppendKey(nil, []byte(other[0]), []byte(other[1]))) {
			t.Errorf("ab, c has the key of %v", other)
		}
	}
}

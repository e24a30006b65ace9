package cluster

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/wire"
)

// locating is a bench whose members ask each other for contacts.
type locating struct {
	*bench
	locators map[uint32]*Locator
	mail     []mail // questions
	done     []*LocateOp
}

func newLocating(t testing.TB, replicas, n int) *locating {
	l := &locating{bench: newBench(t, replicas, n), locators: map[uint32]*Locator{}}
	for id := range l.nodes {
		l.locators[id] = NewLocator(uint64(id) << 20)
	}
	l.settle()
	l.now += 2 * locateTimeout // nothing was dropped a moment ago
	return l
}

func (l *locating) begin(at uint32, uri string) *LocateOp {
	n, op := l.nodes[at], &LocateOp{URI: []byte(uri)}
	op.AOR, op.Result = n.core.Locate(l.now, wire.HashURI(op.URI), op.URI, nil)
	l.step(at, func(e *Effects) { l.locators[at].Begin(l.now, n.membership.View(), op, e) })
	return op
}

func (l *locating) step(at uint32, f func(*Effects)) {
	e := &Effects{}
	f(e)
	for _, s := range e.Sends {
		l.mail = append(l.mail, mail{at, s.To, append([]byte(nil), e.Bytes(s)...)})
	}
	l.done = append(l.done, e.Locates...)
}

// carry delivers the questions, and at once their answers.
func (l *locating) carry() {
	l.t.Helper()
	for _, m := range l.mail {
		n := l.nodes[m.to]
		if n == nil || l.dropped[m.to] {
			continue
		}
		id, uri, ok := ReadQuestion(m.b)
		if !ok {
			l.t.Fatalf("a question that cannot be read: %x", m.b)
		}
		aor, result := n.core.Locate(l.now, wire.HashURI(uri), uri, nil)
		l.step(m.from, func(e *Effects) { l.locators[m.from].Answered(m.to, AppendAnswer(nil, id, result, aor), e) })
	}
	l.mail = nil
}

func (l *locating) tick(at uint32) {
	l.step(at, func(e *Effects) { l.locators[at].Tick(l.now, l.nodes[at].membership.View(), e) })
}

// want checks the one op that is over, or that none is.
func (l *locating) want(when string, result LookupResult, aor string) {
	l.t.Helper()
	if len(l.done) != 1 || l.done[0].Result != result || result == Found && string(l.done[0].AOR) != aor {
		l.t.Fatalf("%s: %d ops are over %+v, want result %d %s", when, len(l.done), l.done, result, aor)
	}
	l.done = nil
}

func (l *locating) wantWaiting(when string) {
	l.t.Helper()
	if len(l.done) != 0 {
		l.t.Fatalf("%s: over with %+v", when, l.done[0])
	}
}

const phone = "sip:phone@192.0.2.1" // what newRegister registers

func TestLocateByAnyMember(t *testing.T) {
	l := newLocating(t, 2, 4)
	l.mustRegister(l.nodes[1], newRegister(aor, 1, 60))
	owners := l.owners(aor)
	for id := uint32(1); id <= 4; id++ {
		l.begin(id, phone)
		if owner := id == owners[0] || id == owners[1]; owner != (len(l.mail) == 0) {
			t.Errorf("m%d, owner %v, asked %d members", id, owner, len(l.mail))
		}
		l.carry()
		l.want(fmt.Sprint("through m", id), Found, aor)
		l.begin(id, phone+";x=1") // RFC 3261 19.1.4
		l.carry()
		l.want(fmt.Sprint("another form through m", id), Found, aor)
		for _, other := range []string{"sip:phone@192.0.2.2", "sip:phone@192.0.2.1:5061", "sips:phone@192.0.2.1", "tel:1", ""} {
			l.begin(id, other)
			l.carry()
			l.want(other, NotFound, "")
		}
	}
	l.now += 60_000
	l.begin(l.other(aor).id, phone)
	l.carry()
	l.want("after it has expired", NotFound, "")
}

// Each case is one question, asked while something is wrong, of a member that does not own the AOR.
func TestLocateInTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(*locating) // the question
		ms            int64           // until it is answered
		want          LookupResult
	}{
		"all is well":                    {want: NotFound},
		"a member is dead":               {before: func(l *locating) { l.die(4); l.lose(4); l.settle(); l.now += 2 * locateTimeout }, want: NotFound},
		"a member is silent":             {before: func(l *locating) { l.dropped[4] = true }, ms: locateTimeout, want: Unavailable},
		"what was its is fetched":        {before: func(l *locating) { l.die(4); l.lose(4) }, want: Unavailable},
		"a member dies meanwhile":        {before: func(l *locating) { l.die(4) }, after: func(l *locating) { l.lose(4) }, ms: 10, want: NotFound},
		"a stream breaks with it":        {before: func(l *locating) { l.dropped[4] = true }, after: func(l *locating) { l.stream(1, 4) }, ms: 10, want: Unavailable},
		"a member drops a partition":     {before: func(l *locating) { l.nodes[4].core.partitions.dropped = l.now - 1 }, want: Unavailable},
		"a member fills a partition":     {before: func(l *locating) { l.nodes[4].core.partitions.become(0, filling) }, want: Unavailable},
		"a member was stopped":           {before: func(l *locating) { l.nodes[4].core.announcements.unsure = 1 << 30 }, want: Unavailable},
		"this member fills a partition":  {before: func(l *locating) { l.nodes[1].core.partitions.become(0, filling) }, want: Unavailable},
		"a member is published, not met": {before: (*locating).publishUnknown, want: Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLocating(t, 2, 4)
			if c.before != nil {
				c.before(l)
			}
			l.begin(1, "sip:nobody@192.0.2.9")
			l.carry()
			if c.after != nil {
				c.after(l)
			}
			if c.ms > 0 {
				l.now += c.ms - 1
				if c.after == nil {
					l.tick(1)
				}
				l.wantWaiting("before its time")
				l.now++
				l.tick(1)
			}
			l.want("then", c.want, "")
		})
	}
}

// publishUnknown adds a fifth member that nobody has met.
func (l *locating) publishUnknown() {
	set := *l.set
	set.Epoch++
	set.Members = append(append([]config.Member(nil), set.Members...), config.Member{ID: 5, Name: "m5", Address: "10.0.0.5", State: config.Active})
	n := l.nodes[1]
	n.membership.unknownWait = 3000
	l.view(n, n.membership.SetChanged(l.now, &set))
	if !n.membership.View().Pending {
		l.t.Fatal("the member is not waited for")
	}
}

// A contact is found though one of its two holders is dead and nobody has noticed.
func TestLocateFindsWhatOneIsLeftOf(t *testing.T) {
	l := newLocating(t, 2, 4)
	l.mustRegister(l.nodes[1], newRegister(aor, 1, 60))
	for _, owner := range l.owners(aor) {
		l.dropped[owner] = true
		l.begin(l.other(aor).id, phone)
		l.carry()
		l.want("with one silent", Found, aor)
		delete(l.dropped, owner)
	}
}

func TestLocateAnswersThatMakeNoSense(t *testing.T) {
	l := newLocating(t, 2, 3)
	l.begin(1, phone)
	id, _, _ := ReadQuestion(l.mail[0].b)
	unread := 0
	answer := func(from uint32, b []byte) {
		l.step(1, func(e *Effects) {
			if !l.locators[1].Answered(from, b, e) {
				unread++
			}
		})
	}
	for _, b := range [][]byte{
		nil,
		{1},
		AppendAnswer(nil, id, NotFound+1, nil), AppendAnswer(nil, id, Found, nil), AppendAnswer(nil, id, NotFound, []byte(aor)),
		AppendAnswer(nil, id, Found, make([]byte, 1<<12)),
	} {
		answer(2, b)
	}
	if unread != 6 {
		t.Errorf("%d of 6 could not be read", unread)
	}
	answer(9, AppendAnswer(nil, id, Found, []byte(aor)))            // was not asked
	answer(2, AppendAnswer(nil, id+maxLocates, Found, []byte(aor))) // another op
	answer(2, AppendAnswer(nil, id+1, Found, []byte(aor)))
	answer(2, AppendAnswer(nil, id, NotFound, nil))
	answer(2, AppendAnswer(nil, id, NotFound, nil)) // twice
	l.wantWaiting("m3 has not answered")
	answer(3, AppendAnswer(nil, id, NotFound, nil))
	l.want("all have answered", NotFound, "")
	answer(3, AppendAnswer(nil, id, Found, []byte(aor)))
	l.wantWaiting("it is over")
	if _, _, ok := ReadQuestion(make([]byte, 8+MaxLocateURI+1)); ok {
		t.Error("a question of any length is read")
	}
}

// Whatever another member says, an op ends once, and nothing else does.
func FuzzLocate(f *testing.F) {
	f.Add([]byte{}, []byte{0})
	f.Add(AppendAnswer(nil, 2<<20+maxLocates, Found, []byte(aor)), AppendAnswer(nil, 1<<20+maxLocates, NotFound, nil))
	f.Add(append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, phone...), append(make([]byte, 8), bytes.Repeat([]byte("a"), MaxLocateURI+1)...))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		l := newLocating(t, 2, 3)
		op := l.begin(1, phone)
		for _, b := range [][]byte{first, second, first} {
			for from := uint32(0); from < 4; from++ {
				l.step(1, func(e *Effects) { l.locators[1].Answered(from, b, e) })
			}
			if id, uri, ok := ReadQuestion(b); ok {
				aor, result := l.nodes[2].core.Locate(l.now, wire.HashURI(uri), uri, nil)
				l.step(1, func(e *Effects) { l.locators[1].Answered(2, AppendAnswer(nil, id, result, aor), e) })
			}
		}
		l.now += locateTimeout
		l.tick(1)
		l.tick(1)
		if len(l.done) != 1 || l.done[0] != op || (op.Result == Found) != (len(op.AOR) > 0) {
			t.Fatalf("%d ops are over: %+v", len(l.done), op)
		}
	})
}

// Nobody can have more asked than the bounds say, and what is found here costs none of it.
func TestLocateIsBounded(t *testing.T) {
	l := newLocating(t, 2, 3)
	l.mustRegister(l.nodes[1], newRegister(aor, 1, 3600))
	me := l.owners(aor)[0]
	flood := func(n int) (asked int) {
		for range n {
			l.begin(me, "sip:nobody@192.0.2.9")
		}
		asked, l.mail, l.done = len(l.mail)/2, nil, nil
		return asked
	}
	const aSecond = questionsPerSecond / leastQuestions
	got := map[string]int{"at once": flood(1000)}
	l.now += locateTimeout - 1
	got["before the first end, more than may be under way"] = flood(1000)
	l.begin(me, phone)
	l.want("what is here", Found, aor)
	l.now++
	l.tick(me)
	if s := l.locators[me].Stats(); len(l.done) != aSecond || s.Pending != maxLocates-aSecond {
		t.Errorf("%d end and %d do not", len(l.done), s.Pending)
	}
	l.now += 100
	got["of what is left and 100 ms"] = flood(1000)
	l.now += locateTimeout
	l.tick(me)
	l.now += 60_000
	got["after a minute"] = flood(1000)
	left := aSecond*(locateTimeout+100)/1000 - (maxLocates - aSecond)
	if d := cmp.Diff(map[string]int{
		"at once": aSecond, "before the first end, more than may be under way": maxLocates - aSecond,
		"of what is left and 100 ms": left, "after a minute": aSecond,
	}, got); d != "" {
		t.Error(d)
	}
	if s := l.locators[me].Stats(); s.Ops != 4001 || s.Questions != uint64(2*(aSecond+maxLocates+left)) || s.Refused != s.Ops-1-s.Questions/2 {
		t.Errorf("%+v", s)
	}
}

func TestLocateDoesNotAllocate(t *testing.T) {
	l := newLocating(t, 2, 3)
	l.mustRegister(l.nodes[1], newRegister(aor, 1, 3600))
	me := l.other(aor).id
	op, v, e := &LocateOp{URI: []byte(phone)}, l.nodes[me].membership.View(), &Effects{}
	var answer, found []byte
	var result LookupResult
	if n := testing.AllocsPerRun(100, func() {
		l.now += 100
		op.AOR, op.Result = l.nodes[me].core.Locate(l.now, wire.HashURI(op.URI), op.URI, op.AOR[:0])
		l.locators[me].Begin(l.now, v, op, e)
		for _, s := range e.Sends {
			id, uri, _ := ReadQuestion(e.Bytes(s))
			found, result = l.nodes[s.To].core.Locate(l.now, wire.HashURI(uri), uri, found[:0])
			answer = AppendAnswer(answer[:0], id, result, found)
			if result != Found {
				answer = AppendAnswer(answer[:0], id, result, nil)
			}
			l.locators[me].Answered(s.To, answer, e)
		}
		if len(e.Locates) != 1 || op.Result != Found {
			t.Fatal("not found")
		}
		e.Reset()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkLocate is all members' work for one question that nobody answers, without what carries it: this member's 16
// cores and those of all others, with 20,000 bindings at each member.
func BenchmarkLocate(b *testing.B) {
	for _, members := range []int{3, 30} {
		b.Run(fmt.Sprint("members=", members), func(b *testing.B) {
			set := testSet(1, 2, members, config.Active)
			set.Ring.Partitions = 16384
			m := NewMembership(1, 10, 0)
			m.SetChanged(start, set)
			for id := uint32(2); id <= uint32(members); id++ {
				m.PeerUp(start, id, uint64(id), true, false)
			}
			var cores [Cores]*Core // of all members: they hold as much each
			var e Effects
			alone := NewMembership(1, 10, 0)
			one := testSet(1, 2, 1, config.Active)
			one.Ring.Partitions = 16384
			v := alone.SetChanged(start, one)
			for i := range cores {
				cores[i] = NewCore(CoreConfig{Self: 1, Incarnation: 10, Index: i})
				cores[i].ViewChanged(start, v, &e)
				e.Reset()
			}
			for i := range 20_000 {
				op := newRegister(fmt.Sprintf("sip:user%d@example.com", i), 1, 3600)
				op.Update.Contacts[0].URI = fmt.Appendf(nil, "sip:user%d@192.0.2.1:5060;ob", i)
				cores[v.Partition(op.Update.AOR)%Cores].Register(start, op, &e)
				e.Reset()
			}
			l, op, now := NewLocator(10), &LocateOp{URI: []byte("sip:nobody@198.51.100.1:5060")}, start
			ask := func(uri []byte) LookupResult {
				hash := wire.HashURI(uri)
				for _, c := range cores {
					if _, r := c.Locate(now, hash, uri, nil); r != NotFound {
						return r
					}
				}
				return NotFound
			}
			var answer []byte
			b.ReportAllocs()
			for b.Loop() {
				now += 100
				op.Result = ask(op.URI)
				l.Begin(now, m.View(), op, &e)
				for _, s := range e.Sends {
					id, uri, _ := ReadQuestion(e.Bytes(s))
					answer = AppendAnswer(answer[:0], id, ask(uri), nil)
					l.Answered(s.To, answer, &e)
				}
				if len(e.Locates) != 1 || op.Result != NotFound {
					b.Fatal(op.Result, len(e.Locates))
				}
				e.Reset()
			}
		})
	}
}

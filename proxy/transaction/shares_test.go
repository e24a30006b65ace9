package transaction

import (
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
)

func from(address string) flow.Flow {
	return flow.OverUDP(netip.AddrPortFrom(netip.MustParseAddr(address), 5060))
}

// filler opens contexts until there is no room.
type filler struct {
	*testing.T
	table *Table
	next  uint64
}

func (f *filler) open(src flow.Flow, standing Standing) bool {
	return f.table.Request(rigStart, f.id(1), scan(f.T, request("INVITE")), src, standing) == New
}

// id is that of the next request, or of the last one.
func (f *filler) id(next uint64) (id token.TxID) {
	f.next += next
	binary.LittleEndian.PutUint64(id[4:], f.next)
	return id
}

// fork opens a context with branches of so many bytes each, and returns how many of
// them there are.
func (f *filler) fork(src flow.Flow, standing Standing, branches, size int) int {
	if !f.open(src, standing) {
		return 0
	}
	targets := make([]Target, branches)
	for i := range targets {
		targets[i] = Target{Branch: token.Branch{Tx: f.id(0), Target: uint32(i)}, Bytes: make([]byte, size)}
	}
	if !f.table.Fork(rigStart, f.id(0), targets) {
		f.Fatal("a context is gone")
	}
	s, c := f.table.lock(rigStart, f.id(0))
	defer f.table.unlock(s, c)
	return int(c.branches.count)
}

// load has sources take what they get, each one context in turn, and returns how many
// bytes each has.
func (f *filler) load(standing Standing, branches, size int, sources ...string) (each []int64) {
	for more := true; more; {
		more = false
		for _, s := range sources {
			more = f.fork(from(s), standing, branches, size) > 0 || more
		}
	}
	for _, s := range sources {
		each = append(each, f.table.sources.of(from(s)).bytes.Load())
	}
	return each
}

// fill has sources take what they get, each one context in turn, and returns how many
// each has.
func (f *filler) fill(standing Standing, sources ...string) (each []int) {
	each = make([]int, len(sources))
	for more := true; more; {
		more = false
		for i, s := range sources {
			if f.open(from(s), standing) {
				each[i]++
				more = true
			}
		}
	}
	return each
}

// many are so many sources.
func many(n int) (out []string) {
	for i := range n {
		out = append(out, netip.AddrFrom4([4]byte{10, 0, byte(i), 1}).String())
	}
	return out
}

// apart gives each of the sources a place of its own: those that share one, here one
// in a hundred, have one share.
func apart(t *Table, sources ...string) {
	for {
		places := map[*share]bool{}
		for _, s := range sources {
			places[t.sources.of(from(s))] = true
		}
		if len(places) == len(sources) {
			return
		}
		t.sources.seed = maphash.MakeSeed()
	}
}

func TestSharesOfATable(t *testing.T) {
	const size = 1600
	f := filler{T: t, table: NewTable(Options{MaxContexts: size}, nowhere{})}
	apart(f.table, append(many(40), "192.0.2.1")...)
	if one := f.fill(Stranger, "192.0.2.1")[0]; one != size/2 {
		t.Errorf("one source alone has %d, want the half that none asked for", one)
	}
	if again := f.fill(Known, "192.0.2.1")[0]; again != 0 {
		t.Errorf("known, it has %d more", again)
	}
	total := 0
	for _, n := range f.fill(Stranger, many(40)...) {
		total += n
		if n > size/8 {
			t.Errorf("a source has %d of %d", n, size)
		}
	}
	if total != size/4 {
		t.Errorf("strangers have %d more, want up to three quarters", total)
	}
	total = 0
	for _, n := range f.fill(Known, many(40)...) {
		total += n
	}
	if total != size/4 || f.table.Len() != size {
		t.Errorf("those who were here have %d more, want all", total)
	}
	for now := int64(rigStart); f.table.Len() > 0; now += 1000 {
		f.table.Tick(now)
	}
	for i := range f.table.sources.places {
		p := &f.table.sources.places[i]
		if n, b := p.contexts.Load(), p.bytes.Load(); n != 0 || b != 0 {
			t.Fatalf("place %d counts %d contexts and %d bytes when all is over", i, n, b)
		}
	}
}

// Two sources of one IPv6 network are one: its owner has all of them.
func TestSourceIsANetworkOfIPv6(t *testing.T) {
	f := filler{T: t, table: NewTable(Options{MaxContexts: 1600}, nowhere{})}
	apart(f.table, "192.0.2.1", "2001:db8::1")
	f.fill(Known, "192.0.2.1")
	each := f.fill(Known, "2001:db8::1", "2001:db8::2")
	if sum := each[0] + each[1]; sum != 200 {
		t.Errorf("one /64 has %d, want an eighth", sum)
	}
}

func TestStrangersHaveAShareOfTheBytes(t *testing.T) {
	f := filler{T: t, table: NewTable(Options{MaxBytes: 4}, nowhere{})}
	f.table.bytes.Store(3)
	if !f.open(from("192.0.2.1"), Stranger) {
		t.Error("refused with a quarter free")
	}
	f.table.bytes.Store(4)
	if f.open(from("192.0.2.1"), Stranger) {
		t.Error("a stranger took the last quarter")
	}
	if !f.open(from("192.0.2.1"), Known) {
		t.Error("one who was here found no room")
	}
}

// What counts for the number of contexts counts for their bytes, be they large as they
// come or grow by their branches.
func TestSharesOfTheBytes(t *testing.T) {
	const size, slack = 64 << 20, 3 << 20 // what shards have not told, and the last context of a source
	for name, c := range map[string]struct{ branches, size int }{
		"large messages":   {1, 60_000},
		"many branches":    {60, 1500},
		"ordinary ones":    {1, 1000},
		"many large forks": {60, 60_000},
	} {
		t.Run(name, func(t *testing.T) {
			f := filler{T: t, table: NewTable(Options{MaxBytes: size}, nowhere{})}
			apart(f.table, append(many(40), "192.0.2.1")...)
			near := func(what string, got, want int64) {
				t.Helper()
				if got > want+slack || got < want-slack {
					t.Errorf("%s: %d KiB, want about %d", what, got>>10, want>>10)
				}
			}
			near("one source alone", f.load(Stranger, c.branches, c.size, "192.0.2.1")[0], size/2)
			near("known, it has", f.load(Known, c.branches, c.size, "192.0.2.1")[0], size/2)
			for _, n := range f.load(Stranger, c.branches, c.size, many(40)...) {
				if n > size/sourcePart+slack/4 {
					t.Errorf("a source has %d KiB", n>>10)
				}
			}
			near("all strangers", f.table.bytes.Load(), size-size/strangersLess)
			f.load(Known, c.branches, c.size, many(40)...)
			near("all", f.table.bytes.Load(), size)
			for now := int64(rigStart); f.table.Len() > 0; now += 1000 {
				f.table.Tick(now)
			}
			for i := range f.table.sources.places {
				if n := f.table.sources.places[i].bytes.Load(); n != 0 {
					t.Fatalf("place %d counts %d bytes when all is over", i, n)
				}
			}
		})
	}
}

// Each source is charged for what its contexts hold, no more and no less, whatever
// happens to them.
func TestBytesAreChargedToTheirSource(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	f := filler{T: t, table: NewTable(Options{}, nowhere{})}
	now := int64(rigStart)
	for range 3000 {
		src := from(netip.AddrFrom4([4]byte{192, 0, 2, byte(random.IntN(5))}).String())
		f.fork(src, Known, 1+random.IntN(3), 200+random.IntN(3000))
		for i := range random.IntN(3) {
			resp := scan(t, response("INVITE", i, []int{100, 180, 200, 302, 486}[random.IntN(5)]))
			f.table.Response(now, f.id(0), token.Branch{Tx: f.id(0), Target: uint32(i)}, resp, resp.Raw)
		}
		if random.IntN(4) == 0 {
			f.table.Request(now, f.id(0), scan(t, request("CANCEL")), src, Known)
		}
		if random.IntN(20) == 0 {
			now += random.Int64N(3000)
			f.table.Tick(now)
		}
		sum := int64(0)
		for i := range f.table.sources.places {
			sum += f.table.sources.places[i].bytes.Load()
		}
		held := int64(0)
		for i := range f.table.shards {
			s := &f.table.shards[i]
			s.pool.flush()
			held += s.pool.bytes
		}
		if sum != held {
			t.Fatalf("sources are charged with %d bytes, and %d are held", sum, held)
		}
	}
}

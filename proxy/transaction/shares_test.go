package transaction

import (
	"encoding/binary"
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
	var id token.TxID
	binary.LittleEndian.PutUint64(id[4:], f.next)
	f.next++
	return f.table.Request(rigStart, id, scan(f.T, request("INVITE")), src, standing) == New
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

func TestSharesOfATable(t *testing.T) {
	const size = 1600
	many := func(n int) (out []string) {
		for i := range n {
			out = append(out, netip.AddrFrom4([4]byte{10, 0, byte(i), 1}).String())
		}
		return out
	}
	f := filler{T: t, table: NewTable(Options{MaxContexts: size}, nowhere{})}
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
		if n := f.table.sources.places[i].Load(); n != 0 {
			t.Fatalf("place %d counts %d when all is over", i, n)
		}
	}
}

// Two sources of one IPv6 network are one: its owner has all of them.
func TestSourceIsANetworkOfIPv6(t *testing.T) {
	f := filler{T: t, table: NewTable(Options{MaxContexts: 1600}, nowhere{})}
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

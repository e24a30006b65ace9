package forward

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// What a Via of ours says is read again, from the Via and from its beginning that
// an ICMP error quotes, unless that is cut short.
func TestViaIsReadAgain(t *testing.T) {
	r := newRig(t)
	second := newPlace(routing.Listener{Number: 5070}, "[2001:db8::200]:5070")
	other := newPlace(routing.Listener{Number: 5070}, "192.0.2.200:5070")
	other.second, other.six = &second, true
	r.names.places = append(r.names.places, other)
	remotes := []netip.AddrPort{address("198.51.100.7:5070"), address("[2001:db8::7]:5070"), {}}
	back := address("192.0.2.10:5062")
	rapid.Check(t, func(t *rapid.T) {
		want := Owner{rapid.Uint32().Draw(t, "id"), rapid.Uint32().Draw(t, "life")}
		branch := token.Branch{Tx: token.TxID{1, rapid.Byte().Draw(t, "tx")}, Target: rapid.Uint32().Draw(t, "target")}
		way := flow.Flow{Remote: back, Listener: rapid.Uint16().Draw(t, "back")}
		next := flow.Flow{Remote: rapid.SampledFrom(remotes).Draw(t, "remote"), Listener: rapid.SampledFrom([]uint16{0, 5070, 5080}).Draw(t, "listener")}
		text := r.names.appendVia(nil, next, branch, want, way, 20)
		via, err := wire.ParseVia(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, named := OwnerOf(&via); !named || got != want {
			t.Fatalf("%s: read %v, %v", text, got, named)
		}
		if got, named := ListenerOf(&via); got != way.Listener || named != (got != 0) {
			t.Fatalf("%s: back by %d, %v", text, got, named)
		}
		if breadth, ok := r.names.Hop(&via, branch.Tx, back); !HasHop(&via) || !ok || breadth != 20 {
			t.Fatalf("%s: hop with %d", text, breadth)
		}
		if _, ok := r.names.Hop(&via, branch.Tx, address("192.0.2.10:5063")); ok {
			t.Fatalf("%s: hop", text)
		}
		request := append([]byte("BYE sip:b SIP/2.0\r\nVia: "), text...)
		cut := rapid.IntRange(0, len(request)).Draw(t, "cut")
		q, ok := r.names.Find(request[:cut])
		if ok && string(q.Text) != string(via.Branch()) || q.Named && q.Owner != want {
			t.Fatalf("cut to %d: %q, %v, %v", cut, q.Text, q.Owner, ok)
		}
		if q, ok = r.names.Find(request); !ok || !q.Named {
			t.Fatalf("whole: %+v, %v", q, ok)
		}
		if _, ok = r.names.Find(append([]byte("SIP/2.0 200 OK\r\nVia: "), text...)); ok {
			t.Fatal("taken from a response")
		}
	})
}

func TestNoOwner(t *testing.T) {
	for _, o := range []string{"", "3", "-", "3-", "-9", "3-x", "x-9", "4294967296-1", "1-100000000", "3-9-9", "03030303030303030303-1"} {
		if got, ok := parseOwner([]byte(o)); ok {
			t.Errorf("%q: %v", o, got)
		}
	}
}

package application

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

const bob = "sip:bob@example.com"

func TestPinsAreReadAsWritten(t *testing.T) {
	for _, id := range []uint32{1, 9, 10, 1<<32 - 1} {
		if got, ok := ParsePinContact(AppendPinContact(nil, id)); !ok || got != id {
			t.Errorf("%d: %d %v", id, got, ok)
		}
	}
	for _, text := range []string{"", "app:", "app:0", "app:01", "app:+1", "app:-1", "app:1 ", "app:4294967296", "app:x", "APP:1", "sip:1@application.invalid", bob, "app:1;x"} {
		if got, ok := ParsePinContact([]byte(text)); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	aor := AppendPinAOR(nil, []byte(bob))
	if pinned, ok := CutPin(aor); string(aor) != "app:"+bob || !IsPin(aor) || !ok || string(pinned) != bob {
		t.Errorf("%s: %q %v", aor, pinned, ok)
	}
	for _, text := range []string{"", "app:", bob, "sip:app:x@example.com"} {
		if pinned, ok := CutPin([]byte(text)); ok {
			t.Errorf("%q is the pin of %q", text, pinned)
		}
	}
}

func FuzzParsePinContact(f *testing.F) {
	f.Add([]byte("app:7"))
	f.Add([]byte("app:007"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, ok := ParsePinContact(b); ok && !bytes.Equal(AppendPinContact(nil, id), b) {
			t.Fatalf("%q is read as %d", b, id)
		}
	})
}

// TestNoRequestNamesAPin: no URI that a phone or a person may write is the address-of-record of a pin, and no call for a
// contact finds one.
func TestNoRequestNamesAPin(t *testing.T) {
	keys, err := token.NewKeys([]token.Key{{ID: 1, Secret: [32]byte{1}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseConfig([]byte("{cluster: c, domains: [example.com, application.invalid]}"))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := routing.NewTables(c, nil, netip.MustParseAddrPort("192.0.2.1:5060"), keys, routing.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	pin := string(AppendPinAOR(nil, []byte(bob)))
	taken := 0
	for _, text := range []string{
		pin, "app:bob@example.com", "sip:" + pin, "sips:" + pin, "sip:app%3Asip%3Abob@example.com", "sip:app:" + bob, "sip:app:x@example.com", "tel:app:1", "tel:+1;phone-context=app:" + bob,
		"APP:" + bob, "app://bob@example.com", "sip:1@application.invalid", bob,
	} {
		if uri, err := wire.ParseURI([]byte(text)); err == nil {
			if aor, ok := tables.AppendAOR(nil, &uri); ok {
				taken++
				if IsPin(aor) {
					t.Errorf("a request for %s is one for %s", text, aor)
				}
			}
		}
		if aor, err := tables.AOR(text); err == nil && IsPin(aor) {
			t.Errorf("who asks for %s asks for %s", text, aor)
		}
	}
	if taken < 3 {
		t.Errorf("%d of the URIs are of the domain: nothing is seen by the others", taken)
	}
	s, contact := location.NewStore(1), AppendPinContact(nil, 3)
	u := (&PinUpdate{}).Update([]byte(bob), 3, 1, 1, 60)
	if res := s.Apply(1000, 0, 1, &u, location.Limits{}, 1000, 1); res.Status != location.StatusOK || s.Stats().Records != 1 || s.Stats().Bindings != 0 { // which is no phone's
		t.Fatalf("%+v", res)
	}
	if r, sure := s.Locate(1000, wire.HashURI(contact), contact, func(int) bool { return true }); !r.IsZero() || !sure {
		t.Errorf("a call for %s finds %s", contact, r.AOR())
	}
}

// TestPinsTakeEachOthersPlace: there is one at a time, the newest, in whichever order members hear of them.
func TestPinsTakeEachOthersPlace(t *testing.T) {
	const now = 1_000_000
	lim := location.Limits{Budget: 1} // which is taken: a pin is within no share
	pin := func(s *location.Store, member, cseq, seconds uint32, clock uint64) location.Result {
		u := (&PinUpdate{}).Update([]byte(bob), member, 7, cseq, seconds)
		return s.Apply(now, 0, 1, &u, lim, clock, member)
	}
	names := func(s *location.Store, at int64, want uint32) {
		t.Helper()
		r := s.Get(0, AppendPinAOR(nil, []byte(bob)))
		if got, ok := Pinned(r, at); got != want || ok != (want != 0) || r.LiveCount(at) > 1 {
			t.Errorf("pinned to %d, want %d, of %d", got, want, r.LiveCount(at))
		}
	}
	a, b := location.NewStore(1), location.NewStore(1)
	for i, x := range []struct {
		s                     *location.Store
		member, cseq, seconds uint32
	}{{a, 1, 1, 60}, {a, 1, 2, 60}, {a, 2, 1, 30}, {b, 3, 1, 60}} {
		if res := pin(x.s, x.member, x.cseq, x.seconds, uint64(now+i)); res.Status != location.StatusOK || !res.Changed {
			t.Fatalf("pin %d: %+v", i, res)
		}
	}
	names(a, now, 2)
	names(b, now, 3)
	ra, rb := a.Get(0, AppendPinAOR(nil, []byte(bob))), b.Get(0, AppendPinAOR(nil, []byte(bob)))
	copied, _ := ra.CopyTo(nil)
	a.Merge(0, 1, rb)
	b.Merge(0, 1, copied)
	names(a, now, 3)
	names(b, now, 3)
	names(a, now+60_000-1, 3)
	names(a, now+60_000, 0)
	if res := pin(a, 3, 2, 0, now+9); res.Status != location.StatusOK {
		t.Errorf("unpinned: %+v", res)
	}
	names(a, now, 0)
	for i, member := range []uint32{5, 6, 4} { // as a later version might leave several
		u := (&PinUpdate{}).Update([]byte(bob), member, 7, 1, 60)
		u.Contacts[0].Instance = []byte{byte('a' + i)}
		if res := a.Apply(now, 0, 1, &u, location.Limits{MaxContacts: 10}, uint64(now+20+i), member); res.Status != location.StatusOK {
			t.Errorf("%+v", res)
		}
	}
	if got, until, ok := PinnedUntil(a.Get(0, AppendPinAOR(nil, []byte(bob))), now); got != 4 || until != now+60_000 || !ok {
		t.Errorf("of several the one to %d until %d, %v", got, until, ok)
	}
	if a.Purge(now+200_000, 0) != 0 || a.Stats().Bindings != 0 {
		t.Errorf("%+v", a.Stats())
	}
	if u := (&PinUpdate{}).Update([]byte(strings.Repeat("a", location.MaxAOR)), 1, 1, 1, 1); u.Valid() {
		t.Error("the pin of the longest address-of-record is valid, and not what its comment says")
	}
}

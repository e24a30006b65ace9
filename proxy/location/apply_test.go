package location

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
)

const (
	aor   = "sip:alice@example.com"
	start = int64(1_767_225_600_000)
)

// contact is a ContactUpdate in short: uri, seconds.
func contact(uri string, expires uint32) ContactUpdate {
	return ContactUpdate{URI: []byte(uri), Q: MaxQ, Expires: expires}
}

func outbound(uri, instance string, regID, expires uint32) ContactUpdate {
	return ContactUpdate{URI: []byte(uri), Instance: []byte(instance), RegID: regID, Q: MaxQ, Expires: expires}
}

func register(callID string, cseq uint32, contacts ...ContactUpdate) Update {
	return Update{AOR: []byte(aor), CallID: []byte(callID), CSeq: cseq, Contacts: contacts}
}

func star(callID string, cseq uint32) Update {
	u := register(callID, cseq)
	u.Star = true
	return u
}

// show lists the live bindings of a record: contact, seconds left, CSeq.
func show(r Record, now int64) []string {
	var list []string
	for b := range r.Live(now) {
		list = append(list, fmt.Sprintf("%s %d %d", b.Contact, b.ExpiresIn(now), b.CSeq))
	}
	slices.Sort(list)
	return list
}

// step is a REGISTER and its answer.
type step struct {
	at     int64 // seconds after the start
	update Update
	want   int // status, 200 if 0
}

// story is some REGISTERs to one AOR, and what is bound after them.
type story struct {
	steps []step
	at    int64
	limit int
	want  []string
}

func (s *story) check(t *testing.T) {
	var r Record
	for i, step := range s.steps {
		now := start + 1000*step.at
		before := show(r, now)
		var res Result
		r, res = applied(now, r, &step.update, Limits{MaxContacts: s.limit}, uint64(now), 1)
		if want := max(step.want, 200); res.Status != want {
			t.Fatalf("step %d: status %d, want %d", i, res.Status, want)
		}
		if res.Status != 200 {
			if diff := cmp.Diff(before, show(r, now)); diff != "" {
				t.Errorf("step %d was refused and changed: %s", i, diff)
			}
		}
		wellFormed(t, r, now)
	}
	if diff := cmp.Diff(s.want, show(r, start+1000*s.at)); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
}

func TestApply(t *testing.T) {
	for name, tt := range map[string]story{
		"10.3 step 8: a request without Contact only fetches": {
			steps: []step{{update: register("a", 1, contact("sip:a@1", 60))}, {update: register("b", 1)}},
			want:  []string{"sip:a@1 60 1"},
		},
		"10.3 step 7: a new contact is added": {
			steps: []step{{update: register("a", 1, contact("sip:a@1", 60))}, {at: 5, update: register("b", 9, contact("sip:a@2", 60))}},
			at:    5,
			want:  []string{"sip:a@1 55 1", "sip:a@2 60 9"},
		},
		"10.3 step 7: a higher CSeq refreshes": {
			steps: []step{{update: register("a", 1, contact("sip:a@1", 60))}, {at: 50, update: register("a", 2, contact("sip:a@1", 60))}},
			at:    50,
			want:  []string{"sip:a@1 60 2"},
		},
		"10.3 step 7: another Call-ID refreshes whatever its CSeq": {
			steps: []step{{update: register("a", 7, contact("sip:a@1", 60))}, {at: 50, update: register("b", 2, contact("sip:a@1", 60))}},
			at:    50,
			want:  []string{"sip:a@1 60 2"},
		},
		"10.3 step 7: a lower CSeq of the same Call-ID is refused": {
			steps: []step{{update: register("a", 7, contact("sip:a@1", 60))}, {at: 50, update: register("a", 6, contact("sip:a@1", 60)), want: 500}},
			at:    50,
			want:  []string{"sip:a@1 10 7"},
		},
		"10.3 step 7: the same CSeq is a retransmission and changes nothing": {
			steps: []step{{update: register("a", 7, contact("sip:a@1", 60))}, {at: 50, update: register("a", 7, contact("sip:a@1", 60))}},
			at:    50,
			want:  []string{"sip:a@1 10 7"},
		},
		"10.3 step 7: all or nothing": {
			steps: []step{
				{update: register("a", 7, contact("sip:a@1", 60))},
				{update: register("a", 6, contact("sip:a@2", 60), contact("sip:a@1", 60)), want: 500},
			},
			want: []string{"sip:a@1 60 7"},
		},
		"10.3 step 7: expires 0 removes": {
			steps: []step{
				{update: register("a", 1, contact("sip:a@1", 60), contact("sip:a@2", 60))},
				{update: register("a", 2, contact("sip:a@1", 0))},
			},
			want: []string{"sip:a@2 60 1"},
		},
		"10.3 step 7: removing what is not there is no error": {
			steps: []step{{update: register("a", 2, contact("sip:a@1", 0))}},
		},
		"10.3 step 7: a late REGISTER does not undo a removal": {
			steps: []step{
				{update: register("a", 1, contact("sip:a@1", 60))},
				{update: register("a", 3, contact("sip:a@1", 0))},
				{update: register("a", 2, contact("sip:a@1", 60)), want: 500},
			},
		},
		"10.3 step 7: a removed contact registers again": {
			steps: []step{
				{update: register("a", 1, contact("sip:a@1", 60))},
				{update: register("a", 2, contact("sip:a@1", 0))},
				{update: register("a", 3, contact("sip:a@1", 60))},
			},
			want: []string{"sip:a@1 60 3"},
		},
		"10.3 step 6: star removes all": {
			steps: []step{{update: register("a", 1, contact("sip:a@1", 60), contact("sip:a@2", 60))}, {update: star("a", 2)}},
		},
		"10.3 step 6: star of a lower CSeq is refused whole": {
			steps: []step{
				{update: register("b", 1, contact("sip:a@1", 60))},
				{update: register("a", 3, contact("sip:a@2", 60))},
				{update: star("a", 2), want: 500},
			},
			want: []string{"sip:a@1 60 1", "sip:a@2 60 3"},
		},
		"10.3 step 6: star removes bindings of other Call-IDs": {
			steps: []step{{update: register("b", 9, contact("sip:a@1", 60))}, {update: star("a", 2)}},
		},
		"10.3 step 6: a retransmitted star does not remove what came after it": {
			steps: []step{
				{update: register("a", 1, contact("sip:a@1", 60))},
				{update: star("a", 2)},
				{update: register("b", 1, contact("sip:a@2", 60))},
				{update: star("a", 2)},
			},
			want: []string{"sip:a@2 60 1"},
		},
		"10.2.2: star with contacts is a bad request": {
			steps: []step{{update: func() Update { u := star("a", 1); u.Contacts = []ContactUpdate{contact("sip:a@1", 60)}; return u }(), want: 400}},
		},
		"19.1.4: equal URIs are one binding, the latest text stays": {
			steps: []step{
				{update: register("a", 1, contact("sip:a@EXAMPLE.com;foo=1", 60))},
				{update: register("a", 2, contact("sip:a@example.com", 60))},
			},
			want: []string{"sip:a@example.com 60 2"},
		},
		"19.1.4: removal by an equal URI": {
			steps: []step{
				{update: register("a", 1, contact("sip:a@example.com;foo=1", 60))},
				{update: register("a", 2, contact("sip:a@example.com", 0))},
			},
		},
		"19.1.4: retransmission of a change of text": {
			steps: []step{
				{update: register("a", 1, contact("sip:a@EXAMPLE.com", 60))},
				{update: register("a", 2, contact("sip:a@example.com", 60))},
				{update: register("a", 2, contact("sip:a@example.com", 60))},
			},
			want: []string{"sip:a@example.com 60 2"},
		},
		"RFC 5626 6: instance and reg-id are the key": {
			steps: []step{
				{update: register("a", 1, outbound("sip:a@1", "<urn:uuid:1>", 1, 60))},
				{update: register("a", 2, outbound("sip:a@2", "<urn:uuid:1>", 1, 60))},
			},
			want: []string{"sip:a@2 60 2"},
		},
		"RFC 5626 6: another reg-id is another binding of the same URI": {
			steps: []step{
				{update: register("a", 1, outbound("sip:a@1", "<urn:uuid:1>", 1, 60))},
				{update: register("b", 1, outbound("sip:a@1", "<urn:uuid:1>", 2, 60))},
			},
			want: []string{"sip:a@1 60 1", "sip:a@1 60 1"},
		},
		"a contact twice in a request: the last holds": {
			steps: []step{{update: register("a", 1, contact("sip:a@1", 60), contact("sip:a@1", 90))}},
			want:  []string{"sip:a@1 90 1"},
		},
		"an expired binding is gone": {
			steps: []step{{update: register("a", 1, contact("sip:a@1", 60))}},
			at:    60,
		},
		"too many contacts: as many removed as made": {
			limit: 2,
			steps: []step{
				{update: register("a", 1, contact("sip:a@1", 60), contact("sip:a@2", 60))},
				{update: register("a", 2, contact("sip:a@1", 0), contact("sip:a@2", 0), contact("sip:a@3", 60), contact("sip:a@4", 60))},
			},
			want: []string{"sip:a@3 60 2", "sip:a@4 60 2"},
		},
		"too many contacts: though they are one": {
			limit: 1,
			steps: []step{{update: register("a", 1, contact("sip:a@1", 60), contact("sip:a@1", 90)), want: 403}},
		},
		"too many contacts: expired ones do not count": {
			limit: 1,
			steps: []step{{update: register("a", 1, contact("sip:a@1", 60))}, {at: 60, update: register("b", 1, contact("sip:a@2", 60))}},
			at:    60,
			want:  []string{"sip:a@2 60 1"},
		},
		"a contact as long as it may be": {
			steps: []step{{update: register("a", 1, contact("sip:"+strings.Repeat("a", maxTexts-5), 60))}},
			want:  []string{"sip:" + strings.Repeat("a", maxTexts-5) + " 60 1"},
		},
		"a contact too long to store": {
			steps: []step{{update: register("a", 1, contact("sip:"+strings.Repeat("a", maxTexts-4), 60)), want: 400}},
		},
		"a removal too long to store": {
			steps: []step{{update: register("a", 1, contact("sip:"+strings.Repeat("a", maxTexts-4), 0)), want: 400}},
		},
		"a Call-ID too long to store": {
			steps: []step{{update: register(strings.Repeat("a", maxTexts-6), 1, contact("sip:a@1", 60)), want: 400}},
		},
		"* with a Call-ID too long to store": {steps: []step{{update: star(strings.Repeat("a", maxTexts/2), 1), want: 400}}},
		"no contact URI": {
			steps: []step{{update: register("a", 1, contact("", 60)), want: 400}},
		},
	} {
		t.Run(name, tt.check)
	}
}

// wellFormed checks that a record survives being sent.
func wellFormed(t *testing.T, r Record, now int64) {
	t.Helper()
	if r.IsZero() {
		return
	}
	got, _, rest, err := ParseRecord(nil, AppendRecord(nil, r, now), now)
	if err != nil || len(rest) > 0 {
		t.Fatalf("record does not survive being sent: %v", err)
	}
	if diff := cmp.Diff(show(r, now), show(got, now)); diff != "" {
		t.Fatalf("record changed on its way: %s", diff)
	}
}

func TestApplyKeepsWhatWasRegistered(t *testing.T) {
	u := register("a", 1, ContactUpdate{
		URI: []byte("sip:a@1"), Params: []byte(";methods=\"INVITE\""), Instance: []byte("<urn:uuid:1>"), RegID: 3, Q: 700, Expires: 60,
	})
	u.Path, u.Fingerprint, u.Source = []byte("<sip:p1;lr>"), 77, 1<<40
	u.Flow = flow.Flow{Remote: netip.MustParseAddrPort("192.0.2.7:5061"), Owner: 4, Life: 9, Conn: 77, Transport: flow.TLS}
	r, res := applied(start, Record{}, &u, Limits{}, 5, 9)
	want := Binding{
		Contact: []byte("sip:a@1"), Params: []byte(";methods=\"INVITE\""), Instance: []byte("<urn:uuid:1>"), CallID: []byte("a"),
		CSeq: 1, RegID: 3, Q: 700, Path: []byte("<sip:p1;lr>"),
		Flow: u.Flow, Source: 1 << 40, ExpiresAt: start + 60_000, Version: Version{Counter: 5, Node: 9},
		Fingerprint: 77, Window: newWindow, Lead: 60_000,
	}
	for b := range r.All() {
		if diff := cmp.Diff(want, b, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("binding (-want +got):\n%s", diff)
		}
	}
	if string(r.AOR()) != aor || r.LiveCount(start) != 1 || res.Stamp != (Version{Counter: 5, Node: 9}) {
		t.Errorf("record of %q with %d bindings, stamp %v", r.AOR(), r.LiveCount(start), res.Stamp)
	}
}

// Of UDP the listener is kept, also where calls go to the contact's own address; and
// the first one leaves a record as it was when there was no other.
func TestApplyKeepsTheListener(t *testing.T) {
	for name, f := range map[string]flow.Flow{
		"behind NAT":         {Remote: netip.MustParseAddrPort("192.0.2.7:5061"), Listener: 5070},
		"contact's address":  {Listener: 65535},
		"the first listener": {},
	} {
		u := register("a", 1, contact("sip:a@1", 60))
		u.Flow = f
		r, _ := applied(start, Record{}, &u, Limits{}, 5, 9)
		sent, _, _, err := ParseRecord(nil, AppendRecord(nil, r, start), start)
		if err != nil {
			t.Fatal(err)
		}
		for b := range sent.All() {
			if b.Flow != f {
				t.Errorf("%s: %+v, want %+v", name, b.Flow, f)
			}
		}
		if e, _ := sent.entries(); f.Listener == 0 && !bytes.Equal(e[atOwner:atOwner+4], make([]byte, 4)) {
			t.Errorf("%s: % x in the owner's place", name, e[atOwner:atOwner+4])
		}
	}
}

// A version written here is above all there were, even those of a member whose clock is ahead.
func TestApplyVersionsRise(t *testing.T) {
	u := register("a", 1, contact("sip:a@1", 60))
	r, _ := applied(start, Record{}, &u, Limits{}, 1000, 2)
	u = register("a", 2, contact("sip:a@1", 60))
	_, res := applied(start, r, &u, Limits{}, 10, 1)
	if want := (Version{Counter: 1001, Node: 1}); res.Stamp != want {
		t.Errorf("stamp %v, want %v", res.Stamp, want)
	}
}

// A state with more time to live than the one that superseded it does not come back when that has expired.
func TestSupersededDoesNotOutlive(t *testing.T) {
	for name, second := range map[string]Update{
		"refreshed for less": register("a", 2, contact("sip:a@1", 5)),
		"removed":            register("a", 2, contact("sip:a@1", 0)),
		"removed by *":       star("a", 2),
	} {
		t.Run(name, func(t *testing.T) {
			s := NewStore(1)
			u := register("a", 1, contact("sip:a@1", 3600))
			s.Apply(start, 0, 1, &u, Limits{}, uint64(start), 1)
			stale := merged(Record{}, s.Get(0, u.AOR))
			s.Apply(start, 0, 1, &second, Limits{}, uint64(start), 1)

			now := start + 60_000
			s.Purge(now, 0)
			s.Merge(0, 1, stale)
			if got := show(s.Get(0, u.AOR), now); got != nil {
				t.Errorf("came back: %v", got)
			}
			s.Purge(start+3_700_000, 0)
			if n := s.Stats().Records; n != 0 {
				t.Errorf("%d records remembered for ever", n)
			}
		})
	}
}

// However often a binding is refreshed for less, removed and made again: it is remembered no longer than a copy of the
// longest grant can live.
func TestRememberedEndsDoNotGrow(t *testing.T) {
	var r Record
	now, longest := start, int64(0)
	for i := range uint32(2000) {
		expires := [...]uint32{3600, 60, 0, 60}[i%4]
		u := register("a", i+1, contact("sip:a@1", expires))
		var res Result
		if r, res = applied(now, r, &u, Limits{}, uint64(now), 1); res.Status != 200 {
			t.Fatalf("update %d: %d", i, res.Status)
		}
		for b := range r.All() {
			longest = max(longest, b.endsAt()-now)
		}
		now += 7
	}
	if longest > 3600_000+lateness {
		t.Errorf("remembered for %d ms, more than the longest grant and %d", longest, lateness)
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	var r Record
	for i := range uint32(1000) {
		for _, expires := range []uint32{3600, 0} {
			u := register("a", 2*i+2-min(expires, 1), contact(fmt.Sprintf("sip:a@host%d.example.com", i), expires))
			var res Result
			if r, res = applied(start, r, &u, Limits{MaxContacts: 4}, uint64(start), 1); res.Status != 200 {
				t.Fatalf("update %d: %d", i, res.Status)
			}
		}
	}
	if r.Size() > 4096 {
		t.Errorf("record of a phone that comes and goes takes %d bytes", r.Size())
	}
}

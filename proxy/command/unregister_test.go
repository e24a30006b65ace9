package command

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/control/answers"
)

// TestUnregister through whichever member: what is removed is gone at every one, and stays so when one has left.
func TestUnregister(t *testing.T) {
	f := newFolder(t, 3)
	stops := f.startAsked()
	for i := range 12 {
		user := fmt.Sprintf("u%d", i)
		aor := "sip:" + user + "@example.com"
		f.register(1, user, fmt.Sprintf("sip:%s@192.0.2.1>,<sip:%s@192.0.2.2;x=1", user, user))
		member := i%3 + 1
		var r answers.Removed
		switch i % 4 {
		case 0: // as another would write it
			f.answer(&r, Unregister(), member, strings.ToUpper("sip:")+user+"@EXAMPLE.com", "<sip:"+user+"@192.0.2.2;X=1>")
			f.wantRemoved(&r, aor, "sip:"+user+"@192.0.2.2;x=1")
			f.wantBound(user, true, false)
		case 1, 2:
			f.answer(&r, Unregister(), member, aor)
			f.wantNoCopy(aor)
			slices.Sort(r.Removed)
			f.wantRemoved(&r, aor, "sip:"+user+"@192.0.2.1", "sip:"+user+"@192.0.2.2;x=1")
			f.wantBound(user, false, false)
		default:
			out, err := f.ask(Unregister(), member, aor, "sip:"+user+"@192.0.2.1")
			if err != nil || out != "Removed sip:"+user+"@192.0.2.1 of "+aor+"\n" {
				t.Errorf("%v: %s", err, out)
			}
			f.wantBound(user, false, true)
		}
	}
	f.register(2, "u1", "sip:u1@192.0.2.3") // nothing is forbidden
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nobody":         {[]string{"sip:nobody@example.com"}, "nothing is registered for sip:nobody@example.com"},
		"gone already":   {[]string{"sip:u2@example.com"}, "nothing is registered for"},
		"another one":    {[]string{"sip:u1@example.com", "sip:u1@192.0.2.4"}, "no such contact"},
		"no URI":         {[]string{"sip:u1@example.com", "u1"}, "a contact is a URI"},
		"not ours":       {[]string{"sip:u1@example.org"}, "no domain that is served here"},
		"all by a star":  {[]string{"sip:u1@example.com", "*"}, "a contact is a URI"},
		"a long contact": {[]string{"sip:u1@example.com", "sip:" + strings.Repeat("a", 3000)}, "a contact has 1 to"},
	} {
		if _, err := f.ask(Unregister(), 1, tt.args...); err == nil || ExitCode(err) != 1 || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	for _, args := range [][]string{nil, {"a@example.com", ""}, {"a", "b", "c"}} {
		if _, err := f.ask(Unregister(), 1, args...); ExitCode(err) != 2 {
			t.Errorf("%q: %v", args, err)
		}
	}
	stops[0]()
	for i := range 12 {
		if i != 1 && i%4 != 3 && i%4 != 0 {
			if got := f.register(2, fmt.Sprint("u", i), ""); strings.Contains(got, "Contact:") {
				t.Errorf("u%d is back: %s", i, got)
			}
		}
	}
}

func (f *folder) wantRemoved(r *answers.Removed, aor string, contacts ...string) {
	f.t.Helper()
	if r.AOR != aor || !slices.Equal(r.Removed, contacts) {
		f.t.Errorf("%+v, want %s %q", r, aor, contacts)
	}
}

// wantNoCopy: who keeps copies of the AOR, home and replica, knows already that nothing is registered.
func (f *folder) wantNoCopy(aor string) {
	f.t.Helper()
	held := 0
	for member := range f.set.Members {
		var w answers.Where
		f.answer(&w, Where(), member+1, aor)
		if w.Held != nil {
			held++
			if len(w.Held.Bindings) > 0 {
				f.t.Errorf("%s still has %+v", w.Member, w.Held.Bindings)
			}
		}
	}
	if held < 2 { // a third may have it still, from when it was alone
		f.t.Errorf("%d members hold it", held)
	}
}

// wantBound asks every member for the contacts of a user.
func (f *folder) wantBound(user string, first, second bool) {
	f.t.Helper()
	for member := range f.set.Members {
		got := f.register(member+1, user, "")
		if strings.Contains(got, "@192.0.2.1>") != first || strings.Contains(got, "@192.0.2.2;x=1>") != second {
			f.t.Errorf("member %d, %s: %s", member+1, user, got)
		}
	}
}

// TestUnregisterByInstance: a contact whose binding goes by its instance (RFC 5626 6) is removed by its URI.
func TestUnregisterByInstance(t *testing.T) {
	f := newFolder(t, 1)
	f.startAsked()
	f.register(1, "bob", `sip:bob@192.0.2.1>;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000001>",<sip:bob@192.0.2.2`)
	var w answers.Where
	f.answer(&w, Where(), 1, "bob@example.com")
	if b := w.Held.Bindings; len(b) != 2 || b[0].RegID+b[1].RegID != 1 {
		t.Fatalf("%+v", b)
	}
	var r answers.Removed
	f.answer(&r, Unregister(), 1, "bob@example.com", "sip:bob@192.0.2.1")
	f.wantRemoved(&r, "sip:bob@example.com", "sip:bob@192.0.2.1")
	if got := f.register(1, "bob", ""); strings.Contains(got, "192.0.2.1>") || !strings.Contains(got, "192.0.2.2>") {
		t.Error(got)
	}
}

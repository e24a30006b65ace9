package main

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/wire"
)

func TestAttacksAreToldApart(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range attacks {
		if seen[a.name] || a.run == nil || a.about == "" {
			t.Errorf("%q comes twice, or says or does nothing", a.name)
		}
		seen[a.name] = true
	}
	if _, ok := attackNamed("no such"); ok {
		t.Error("there is an attack of any name")
	}
}

// The kinds are what they are named after for a parser that is not this one.
func TestKinds(t *testing.T) {
	if len(kinds) < 30 {
		t.Errorf("%d kinds, want 30", len(kinds))
	}
	via := netip.MustParseAddrPort("192.0.2.1:5060")
	seen := map[string]bool{}
	for _, k := range kinds {
		b := k.data(via)
		if seen[k.name] || len(b) == 0 {
			t.Errorf("%s comes twice or is empty", k.name)
		}
		seen[k.name] = true
		method, _, _ := strings.Cut(k.name, ",")
		if method != strings.ToUpper(method) || method == "STUN" {
			continue
		}
		var m wire.Message
		err := m.Scan(b, nil)
		if err == nil {
			err = m.Validate()
		}
		if string(m.MethodBytes()) != method {
			t.Errorf("%s has method %q", k.name, m.MethodBytes())
		}
		wrong := strings.Contains(k.name, "malformed") || strings.Contains(k.name, "no To") || strings.Contains(k.name, "version") || strings.Contains(k.name, "Content-Length")
		if (err != nil) != wrong {
			t.Errorf("%s: %v\n%s", k.name, err, b)
		}
	}
}

func TestColliding(t *testing.T) {
	const variants = 3
	users := colliding(variants)
	seen := map[string]bool{}
	for _, u := range users {
		seen[u] = true
		if a, b := xxhash.Sum64String(aor(u)), xxhash.Sum64String(aor(users[0])); a != b {
			t.Errorf("%s has hash %x, want %x", u, a, b)
		}
		if _, err := wire.ParseURI([]byte(aor(u))); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	if len(seen) != variants*variants*variants*variants {
		t.Errorf("%d users", len(seen))
	}
}

// Every contact of the tree is a user of the tree or the victim, and every user
// but the root is somebody's contact.
func TestTree(t *testing.T) {
	contacts, users := map[string]bool{}, map[string]bool{}
	plantTree(func(user string, to ...string) {
		users[user] = true
		if len(to) > 10 {
			t.Errorf("%s has %d contacts", user, len(to))
		}
		for _, c := range to {
			contacts[c] = true
		}
	}, func(user string, _ int) string { return user }, "victim")
	for u := range users {
		if !contacts[u] && u != "root" {
			t.Errorf("nobody leads to %s", u)
		}
	}
	delete(contacts, "victim")
	for c := range contacts {
		if !users[c] {
			t.Errorf("%s leads nowhere", c)
		}
	}
}

func TestPace(t *testing.T) {
	for _, perSecond := range []int{3, 1250, 60_000} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond/2)
			defer cancel()
			n := 0
			if got := pace(ctx, perSecond, func(i int) {
				if i != n {
					t.Fatalf("%d after %d", i, n-1)
				}
				n++
			}); got != n || n < 10*perSecond-1 || n > 10*perSecond {
				t.Errorf("%d in 10 s at %d/s, told %d", n, perSecond, got)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // who is slow does not catch up
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if n := pace(ctx, 100, func(int) { time.Sleep(time.Second) }); n > 60 {
			t.Errorf("%d", n)
		}
	})
}

func TestAnswersThatTell(t *testing.T) {
	for _, c := range []struct {
		a, b told
		want bool
	}{
		{told{"", 480, ms}, told{"", 480, 200 * ms}, false},
		{told{"", 480, ms}, told{"", 404, ms}, true},
		{told{"", 480, ms}, told{"", 480, 500 * ms}, true},
		{told{"", 0, time.Second}, told{"", 480, ms}, true},
	} {
		if got := differ(c.a, c.b); got != c.want || differ(c.b, c.a) != got {
			t.Errorf("%v and %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

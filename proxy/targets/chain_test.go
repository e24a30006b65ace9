package targets

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
)

// tables are those of a proxy at 192.0.2.100 for example.com.
func tables(t fatal) *routing.Tables {
	keys, err := token.NewKeys([]token.Key{{ID: 1, Secret: [32]byte{1}}})
	if err != nil {
		t.Fatalf("keys: %v", err)
	}
	c := config.Config{Cluster: "test", Domains: []string{"example.com"}}
	c.ApplyDefaults()
	out, err := routing.NewTables(&c, nil, netip.MustParseAddrPort("192.0.2.100:5060"), keys, routing.Checks{})
	if err != nil {
		t.Fatalf("tables: %v", err)
	}
	return out
}

type fatal interface{ Fatalf(string, ...any) }

// domain is who has registered what: contacts of each user, the oldest first.
type domain map[string][]string

// resolve is how a request for a user finds its targets. Each record lies where the
// one before has lain, as that of an operation does.
func (d domain) resolve(t fatal, c *Chain, user string) (list []Target, lookups int) {
	own := tables(t)
	var buf []byte
	aor := []byte("sip:" + user + "@example.com")
	for c.Begin(aor, routing.Callee{}); aor != nil; lookups++ {
		r := d.record(t, aor)
		clear(buf)
		r, buf = r.CopyTo(buf[:0])
		list = c.Add(list, r, now+100, own)
		list, aor = c.Next(list, own)
	}
	return list, lookups - 1
}

func (d domain) record(t fatal, aor []byte) location.Record {
	s := location.NewStore(1)
	user := bytes.TrimSuffix(bytes.TrimPrefix(aor, []byte("sip:")), []byte("@example.com"))
	for i, contact := range d[string(user)] {
		u := registered(contact, "")
		u.AOR, u.CallID, u.CSeq = aor, fmt.Appendf(nil, "call %d", i), 1
		if res := s.Apply(now+int64(i), 0, 1, &u, location.Limits{MaxContacts: 100}, uint64(now)+uint64(i), 1); res.Status != 200 {
			t.Fatalf("%s: %d", aor, res.Status)
		}
	}
	r, _ := s.Get(0, aor).CopyTo(nil)
	return r
}

// uris are the Request-URIs of targets, sorted.
func uris(list []Target) []string {
	out := []string{}
	for i := range list {
		out = append(out, string(list[i].URI))
	}
	slices.Sort(out)
	return out
}

func TestContactsWithinTheDomainAreFollowed(t *testing.T) {
	deep := domain{"root": {"sip:1@example.com"}}
	for i := range 8 {
		deep[fmt.Sprint(i)] = []string{fmt.Sprintf("sip:%d@192.0.2.1", i), fmt.Sprintf("sip:%d@example.com", i+1)}
	}
	for name, c := range map[string]struct {
		domain  domain
		want    []string // for root, in any order
		leftOut int
	}{
		"no contact":   {domain{}, []string{}, 0},
		"a phone":      {domain{"root": {"sip:r@192.0.2.1"}}, []string{"sip:r@192.0.2.1"}, 0},
		"one":          {domain{"root": {"sip:bob@example.com"}, "bob": {"sip:b@192.0.2.1"}}, []string{"sip:b@192.0.2.1"}, 0},
		"beside":       {domain{"root": {"sip:r@192.0.2.1", "sip:bob@example.com"}, "bob": {"sip:b@192.0.2.2", "sip:b@192.0.2.3"}}, []string{"sip:b@192.0.2.3", "sip:b@192.0.2.2", "sip:r@192.0.2.1"}, 0},
		"by our maddr": {domain{"root": {"sip:bob@example.com;maddr=192.0.2.100"}, "bob": {"sip:b@192.0.2.1"}}, []string{"sip:b@192.0.2.1"}, 0},
		"over TCP":     {domain{"root": {"sip:bob@EXAMPLE.com.;transport=tcp"}, "bob": {"sip:b@192.0.2.1"}}, []string{"sip:b@192.0.2.1"}, 0},
		"one that is not ours": {
			domain{"root": {"sip:bob@example.com;maddr=192.0.2.9", "sip:bob@example.com:5090", "sip:bob@example.net"}},
			[]string{"sip:bob@example.net", "sip:bob@example.com:5090", "sip:bob@example.com;maddr=192.0.2.9"},
			0,
		},
		"the cluster itself":     {domain{"root": {"sip:example.com", "sip:192.0.2.100", "sip:bob@192.0.2.100"}}, []string{}, 0},
		"itself":                 {domain{"root": {"sip:root@example.com", "sip:r@192.0.2.1"}}, []string{"sip:r@192.0.2.1"}, 0},
		"a loop":                 {domain{"root": {"sip:bob@example.com", "sip:r@192.0.2.1"}, "bob": {"sip:b@192.0.2.2", "sip:r%6fot@example.com"}}, []string{"sip:b@192.0.2.2", "sip:r@192.0.2.1"}, 0},
		"one of two ways":        {domain{"root": {"sip:a@example.com", "sip:b@example.com"}, "a": {"sip:c@example.com"}, "b": {"sip:c@example.com"}, "c": {"sip:c@192.0.2.1"}}, []string{"sip:c@192.0.2.1"}, 0},
		"one phone of two users": {domain{"root": {"sip:a@example.com", "sip:b@example.com"}, "a": {"sip:x@192.0.2.1"}, "b": {"sip:x@192.0.2.1"}}, []string{"sip:x@192.0.2.1"}, 0},
		"too deep": {
			deep,
			[]string{"sip:1@192.0.2.1", "sip:2@192.0.2.1", "sip:3@192.0.2.1", "sip:4@192.0.2.1", "sip:5@192.0.2.1"},
			1,
		},
	} {
		var chain Chain
		list, _ := c.domain.resolve(t, &chain, "root")
		if diff := cmp.Diff(slices.Sorted(slices.Values(c.want)), uris(list), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		if chain.LeftOut != c.leftOut {
			t.Errorf("%s: %d left out", name, chain.LeftOut)
		}
	}
}

// However users lead to each other, a request costs no more than its bounds, ends,
// has no target twice, and leads to nobody whom no chain of contacts leads to. A
// Chain that has done another request before finds the same.
func TestChainIsBounded(t *testing.T) {
	var used Chain
	rapid.Check(t, func(t *rapid.T) {
		d, users := domain{}, rapid.IntRange(1, 20).Draw(t, "users")
		reach := map[string]bool{}
		for u := range users {
			var contacts []string
			for k := range rapid.IntRange(0, 12).Draw(t, "contacts") {
				if to := rapid.IntRange(-users, users).Draw(t, "to"); to >= 0 {
					contacts = append(contacts, fmt.Sprintf("sip:%d@example.com", to))
				} else {
					contacts = append(contacts, fmt.Sprintf("sip:%d-%d@192.0.2.1", u, k))
					reach[contacts[len(contacts)-1]] = true
				}
			}
			slices.Sort(contacts)
			d[fmt.Sprint(u)] = slices.Compact(contacts)
		}
		var fresh Chain
		list, lookups := d.resolve(t, &fresh, "0")
		again, _ := d.resolve(t, &used, "0")
		switch {
		case lookups > MaxLookups:
			t.Fatalf("%d lookups", lookups)
		case len(list) > MaxTargets:
			t.Fatalf("%d targets", len(list))
		case !slices.Equal(uris(list), uris(again)):
			t.Fatalf("%v, then %v", uris(list), uris(again))
		}
		for i, uri := range uris(list) {
			if !reach[uri] || i > 0 && uris(list)[i-1] == uri {
				t.Fatalf("%s of %v", uri, uris(list))
			}
		}
		for _, own := range d["0"] { // nothing of its own is lost to what others lead to
			if reach[own] && !slices.Contains(uris(list), own) {
				t.Fatalf("%s is missing: %v", own, uris(list))
			}
		}
	})
}

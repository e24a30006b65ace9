package control

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/location"
)

// walked are pages over a list, and how often it was walked over.
func walked(aors []string) (p *Pages, walks *int) {
	walks = new(int)
	return &Pages{Walk: func(_ context.Context, f func([]byte)) error {
		*walks++
		for _, i := range rand.Perm(len(aors)) {
			f([]byte(aors[i]))
		}
		return nil
	}}, walks
}

// all pages, one after the other.
func all(t *testing.T, p *Pages, glob string, limit int) (got []string) {
	t.Helper()
	for after := ""; ; {
		page, more, err := p.After(t.Context(), glob, after, limit)
		if err != nil || len(page) > limit || more && (len(page) == 0 || page[0] <= after) {
			t.Fatalf("a page of %d, more: %v, %v", len(page), more, err)
		}
		if got = append(got, page...); !more {
			return got
		}
		after = page[len(page)-1]
	}
}

func TestPagesAreTheWholeInOrder(t *testing.T) {
	var aors, bobs []string
	for i := range 3000 {
		aors = append(aors, fmt.Sprintf("sip:%s%d@example.com", []string{"bob", "eve"}[i%2], i*7919%3000))
	}
	slices.Sort(aors)
	for _, aor := range aors {
		if strings.HasPrefix(aor, "sip:bob") {
			bobs = append(bobs, aor)
		}
	}
	for _, limit := range []int{1, 7, 500, 3000, MaxLimit} {
		p, walks := walked(aors)
		if got := all(t, p, "", limit); !slices.Equal(got, aors) {
			t.Fatalf("limit %d: %d of %d", limit, len(got), len(aors))
		}
		if *walks != 1 {
			t.Errorf("limit %d: %d walks", limit, *walks)
		}
		if got := all(t, p, "sip:bob*", limit); !slices.Equal(got, bobs) {
			t.Fatalf("limit %d: %d of %d", limit, len(got), len(bobs))
		}
	}
}

// TestPagesHaveBoundedMemory: of the longest addresses, which do not all have room.
func TestPagesHaveBoundedMemory(t *testing.T) {
	var aors []string
	for i := range 6 * maxText / location.MaxAOR {
		aors = append(aors, fmt.Sprintf("sip:%06d%s", i, strings.Repeat("a", location.MaxAOR-10)))
	}
	p, walks := walked(aors)
	if got := all(t, p, "*", MaxLimit); !slices.Equal(got, aors) {
		t.Fatalf("%d of %d", len(got), len(aors))
	}
	if *walks < 6 {
		t.Errorf("%d walks have brought 6 times what there is room for", *walks)
	}
	if p.last != nil {
		t.Error("the last page is kept")
	}
}

// TestFirstPageIsNew, and so is one after a walk that was for another pattern.
func TestFirstPageIsNew(t *testing.T) {
	p, walks := walked([]string{"sip:a", "sip:b", "sip:c"})
	for i, q := range []struct{ glob, after string }{{"", ""}, {"", ""}, {"*", "sip:a"}, {"", "sip:a"}} {
		if _, _, err := p.After(t.Context(), q.glob, q.after, 1); err != nil || *walks != i+1 {
			t.Fatalf("%d: %d walks, %v", i, *walks, err)
		}
	}
	p.Walk = func(context.Context, func([]byte)) error { return context.Canceled }
	if _, _, err := p.After(t.Context(), "", "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTokens(t *testing.T) {
	for _, aor := range []string{"", "sip:bob@example.com", strings.Repeat("a", location.MaxAOR)} {
		if got, ok := ParseToken(Token(aor)); !ok || got != aor {
			t.Errorf("%q: %q", aor, got)
		}
	}
	for _, token := range []string{"!", "====", "c2lw\n!", Token(strings.Repeat("a", location.MaxAOR+1))} {
		if got, ok := ParseToken(token); ok {
			t.Errorf("%q is %q", token, got)
		}
	}
}

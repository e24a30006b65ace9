package control

import (
	"context"
	"encoding/base64"
	"slices"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/location"
)

// Bounds of pages.
const (
	DefaultLimit = 500
	MaxLimit     = 5000
	// maxText is the most bytes of AORs that one walk brings.
	maxText = 4 << 20
	// fresh is how old a walk may be from which a page after the first is taken.
	fresh = 30 * time.Second
)

// Pages puts AORs in order, by walking over all of them. A walk brings as many as its memory has room for, so the pages
// that follow need none. The first page always takes a new one. Safe for concurrent use: one walk at a time.
type Pages struct {
	// Walk calls its function with every AOR, in no order. What the function gets must not be kept.
	Walk func(ctx context.Context, f func(aor []byte)) error

	turn sync.Mutex
	last *sorted
	glob string
	at   time.Time
}

// After returns at most limit of the AORs that match the glob and come after one, in their order; more says that there
// are others. An empty glob is all.
func (p *Pages) After(ctx context.Context, glob, after string, limit int) (aors []string, more bool, err error) {
	p.turn.Lock()
	defer p.turn.Unlock()
	if after == "" || p.last == nil || p.glob != glob || !p.last.covers(after) || time.Since(p.at) > fresh {
		next := &sorted{after: after, most: maxText}
		err := p.Walk(ctx, func(aor []byte) {
			if next.wants(aor) && (glob == "" || Match(glob, string(aor))) {
				next.add(string(aor))
			}
		})
		if err != nil {
			return nil, false, err
		}
		next.cut()
		p.last, p.glob, p.at = next, glob, time.Now()
	}
	aors, more = p.last.page(after, limit)
	if !more {
		p.last = nil // nobody asks for it again
	}
	return aors, more, nil
}

// sorted are the first of the AORs after one, as many as have room.
type sorted struct {
	after string
	most  int // bytes
	list  []string
	bytes int
	over  bool   // there are others, all of them after top
	top   string // the last of the list when it was cut
}

func (s *sorted) wants(aor []byte) bool {
	return string(aor) > s.after && (!s.over || string(aor) < s.top)
}

// add takes an AOR. The list is cut when it has twice what there is room for, so an AOR costs the logarithm of that.
func (s *sorted) add(aor string) {
	s.list = append(s.list, aor)
	if s.bytes += len(aor); s.bytes > 2*s.most {
		s.cut()
	}
}

// cut puts the list in order and leaves what there is room for.
func (s *sorted) cut() {
	slices.Sort(s.list)
	s.list = slices.Compact(s.list)
	s.bytes = 0
	for i, aor := range s.list {
		if s.bytes+len(aor) > s.most {
			clear(s.list[i:])
			s.list, s.over = s.list[:i], true
			break
		}
		s.bytes += len(aor)
	}
	if s.over {
		s.top = s.list[len(s.list)-1]
	}
}

// covers reports whether the list has what comes next after an AOR, if anything does.
func (s *sorted) covers(after string) bool {
	return after >= s.after && (!s.over || after < s.top)
}

// page is the part of the list after an AOR; more says that there are others.
func (s *sorted) page(after string, limit int) (aors []string, more bool) {
	i, found := slices.BinarySearch(s.list, after)
	if found {
		i++
	}
	end := min(i+limit, len(s.list))
	return slices.Clone(s.list[i:end]), end < len(s.list) || s.over
}

// Token is what names the AOR after which the next page begins.
func Token(aor string) string { return base64.RawURLEncoding.EncodeToString([]byte(aor)) }

// ParseToken reads a Token, and false if it is none.
func ParseToken(token string) (aor string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	return string(b), err == nil && len(b) <= location.MaxAOR
}

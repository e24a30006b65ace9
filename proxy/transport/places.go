package transport

import (
	"context"
	"strings"
	"time"

	"github.com/sipring/sipring/proxy/resolve"
)

// places are the queries under way, of which there may be so many. When all
// places are taken, a name that is new takes that of a query whose asker and
// domain have more, so that whoever asks for many names, or has his own domain
// asked for by many, keeps nobody else from being answered.
type places struct {
	most    int
	queries map[resolve.Name]*query
	askers  map[uint64]int // how many each has under way
	domains map[string]int
}

// query is one name that is asked for.
type query struct {
	name    resolve.Name
	domain  string
	by      uint64 // whose place it has: of all who wait for it, the one that had the fewest
	began   time.Time
	cancel  context.CancelFunc
	waiting []func(*resolve.Found, error)
}

// queryGrace is how long a query keeps its place from those who have no better
// right to it. What answers does so by then.
const queryGrace = 500 * time.Millisecond

func (q *query) slow(now time.Time) bool { return now.Sub(q.began) >= queryGrace }

func newPlaces(most int) places {
	return places{most: most, queries: map[resolve.Name]*query{}, askers: map[uint64]int{}, domains: map[string]int{}}
}

// of is the query for the name, nil if there is none.
func (p *places) of(name resolve.Name) *query { return p.queries[name] }

// take begins a query, in the place of another one perhaps, which it cancels. It
// returns nil if there is no place for it.
func (p *places) take(by uint64, name resolve.Name, now time.Time) *query {
	q := &query{name: name, domain: domainOf(name.Host), by: by, began: now}
	if len(p.queries) >= p.most {
		old := p.weakest(q, now)
		if old == nil {
			return nil
		}
		p.leave(old)
		old.cancel()
	}
	p.queries[name] = q
	p.count(q, 1)
	return q
}

// leave gives the query's place back, and reports whether it still had it.
func (p *places) leave(q *query) bool {
	if p.queries[q.name] != q {
		return false
	}
	delete(p.queries, q.name)
	p.count(q, -1)
	return true
}

// charge has the query count as that of another who asks for it too, if that one
// has fewer: what it waits for is not given up because of the first.
func (p *places) charge(q *query, by uint64) {
	if p.askers[by]+1 < p.askers[q.by] {
		p.count(q, -1)
		q.by = by
		p.count(q, 1)
	}
}

// weakest is the query that has to make room for q: that of the most weight, or
// the oldest of these. It has to weigh more than q would in its place, or as much
// and be slow.
func (p *places) weakest(q *query, now time.Time) (worst *query) {
	weight, most := p.weight(q), 0
	for _, x := range p.queries {
		w := p.weight(x) // with its own place: 2
		if w <= weight+2 && (w < weight || !x.slow(now)) {
			continue
		}
		if worst == nil || w > most || w == most && x.began.Before(worst.began) {
			worst, most = x, w
		}
	}
	return worst
}

// weight is how many places who asks for a query and its domain have.
func (p *places) weight(q *query) int { return p.askers[q.by] + p.domains[q.domain] }

func (p *places) count(q *query, n int) {
	if p.askers[q.by] += n; p.askers[q.by] == 0 {
		delete(p.askers, q.by)
	}
	if p.domains[q.domain] += n; p.domains[q.domain] == 0 {
		delete(p.domains, q.domain)
	}
}

// domainOf is the last two labels of a host name: what one party is likely to have
// all of.
func domainOf(host string) string {
	host = strings.TrimSuffix(host, ".")
	last := strings.LastIndexByte(host, '.')
	if last < 0 {
		return host
	}
	return host[strings.LastIndexByte(host[:last], '.')+1:]
}

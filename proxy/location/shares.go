package location

import (
	"bytes"
	"hash/maphash"
)

// Of the budget one source of REGISTERs has at most 1/sourceShare, and one domain 1/domainShare where others are served too,
// once half of it is taken: until then whoever is there may be all the traffic there is. Who has its share gets no further
// AOR, and above three quarters nothing that makes what it has larger, so that the last quarter is for others.
const (
	sourceShare = 8
	domainShare = 2
)

// shares count what sources and domains have in a store. Strangers choose both, so they are found by a key that only this
// process knows.
type shares struct {
	seed             maphash.Seed
	sources, domains sketch
}

// sketch counts bytes by key in memory of a fixed size (count-min): a key has a cell in each row, and what it has is at most
// what is in the least of them. It is told to have more only if each is also that of another key that has much. A dozen keys at
// most have an eighth of a budget, so fewer than one key in 100,000 is taken for one of them.
type sketch [sketchRows][1 << sketchBits]int

const (
	sketchRows = 4
	sketchBits = 8
)

func newShares() shares { return shares{seed: maphash.MakeSeed()} }

func (s *sketch) add(key uint64, bytes int) {
	for i := range s {
		s[i][key>>(i*sketchBits)%(1<<sketchBits)] += bytes
	}
}

func (s *sketch) of(key uint64) int {
	least := s[0][key%(1<<sketchBits)]
	for i := 1; i < sketchRows; i++ {
		least = min(least, s[i][key>>(i*sketchBits)%(1<<sketchBits)])
	}
	return least
}

// count adds a record to what its sources and its domain have, or with sign -1 takes it away. A source has its bindings and
// removals; that of the first has the AOR, and what finds the record, too.
func (x *shares) count(r Record, sign int) {
	if r.IsZero() {
		return
	}
	first := r.first() + slotBytes + 2*cellBytes
	size := first
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		n := len(e) + contactBytes
		size += n
		if source := e.source(); source != 0 {
			x.sources.add(x.source(source), sign*(first+n))
		}
		first = 0
	}
	x.domains.add(x.domain(r.AOR()), sign*size)
}

func (x *shares) source(source uint64) uint64 { return maphash.Comparable(x.seed, source) }
func (x *shares) domain(aor []byte) uint64    { return maphash.Bytes(x.seed, domainOf(aor)) }

// domainOf returns the host of a canonical AOR, without its port: users of any port are of the one domain.
func domainOf(aor []byte) []byte {
	host := aor[bytes.LastIndexByte(aor, '@')+1:]
	if port := bytes.LastIndexByte(host, ':'); port > bytes.LastIndexByte(host, ']') {
		return host[:port]
	}
	return host
}

// overShare is the status of an update that is to put after in the place of before: 200, or that of a share that is used up.
func (s *Store) overShare(u *Update, lim Limits, before, after Record) int {
	took := s.Stats().Bytes
	if lim.Budget == 0 || took < lim.Budget/2 || !before.IsZero() && took < lim.Budget/4*3 {
		return StatusOK
	}
	if u.Source != 0 && after.ofSource(u.Source) > before.ofSource(u.Source) && s.shares.sources.of(s.shares.source(u.Source)) >= lim.Budget/sourceShare {
		return StatusSourceFull
	}
	if u.Shared && after.boundSize() > before.boundSize() && s.shares.domains.of(s.shares.domain(u.AOR)) >= lim.Budget/domainShare {
		return StatusDomainFull
	}
	return StatusOK
}

// ofSource returns the bytes of what the source has written in r.
func (r Record) ofSource(source uint64) int {
	n := 0
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.source() == source {
			n += len(e)
		}
	}
	return n
}

package location

import "slices"

// SourceCount is how many bindings one source of REGISTERs has, as Update.Source has it.
type SourceCount struct {
	Source   uint64
	Bindings int
}

// mostSources is how many sources a store tells of.
const mostSources = 8

// heavy finds the sources with most bindings while Purge passes over a store anyway, in
// memory of a fixed size (Misra and Gries): of n bindings a source that has more than
// n/(mostSources+1) is among those that remain, with at most that many fewer than it has.
type heavy struct {
	last int // the partition that was looked at last
	now  [mostSources]SourceCount
	all  [mostSources]SourceCount // of the last pass over all partitions
}

// begin notes that a partition is looked at: the first again ends a pass.
func (h *heavy) begin(part int) {
	if part <= h.last {
		h.all, h.now = h.now, [mostSources]SourceCount{}
	}
	h.last = part
}

// see counts the live bindings of a record.
func (h *heavy) see(r Record, now int64) {
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if source := e.source(); source != 0 && e.live(now) {
			h.count(source)
		}
	}
}

func (h *heavy) count(source uint64) {
	free := -1
	for i := range h.now {
		switch {
		case h.now[i].Bindings > 0 && h.now[i].Source == source:
			h.now[i].Bindings++
			return
		case h.now[i].Bindings == 0:
			free = i
		}
	}
	if free >= 0 {
		h.now[free] = SourceCount{source, 1}
		return
	}
	for i := range h.now {
		h.now[i].Bindings--
	}
}

// Sources are those with most bindings, at most 8, as the last pass of Purge over all
// partitions found them: each has as many as are said, or more.
func (s *Store) Sources() []SourceCount {
	return slices.DeleteFunc(slices.Clone(s.heavy.all[:]), func(c SourceCount) bool { return c.Bindings == 0 })
}

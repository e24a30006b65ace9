package peer

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/limit"
)

// sources are those of REGISTERs with most bindings, for a Report: at most
// config.MaxSources, with config.ReportedFrom bindings each or more, the largest first. A
// /64 of IPv6 is none: it stands for a whole network.
// Numbers are powers of two, so that few changes of them are changes of the report.
func (cs *cores) sources() []config.Source {
	bindings := map[uint64]int{}
	for i := range cs.all {
		cs.all[i].mu.Lock()
		counts := cs.all[i].m.Sources()
		cs.all[i].mu.Unlock()
		for _, c := range counts {
			bindings[c.Source] += c.Bindings
		}
	}
	return reported(bindings)
}

// reported are those of the bindings by source that a Report has.
func reported(bindings map[uint64]int) []config.Source {
	maps.DeleteFunc(bindings, func(source uint64, n int) bool {
		_, is := limit.IPv4Of(source)
		return !is || n < config.ReportedFrom
	})
	largest := slices.SortedFunc(maps.Keys(bindings), func(a, b uint64) int {
		return cmp.Or(cmp.Compare(floorOfTwo(bindings[b]), floorOfTwo(bindings[a])), cmp.Compare(a, b))
	})
	var all []config.Source
	for _, source := range largest[:min(len(largest), config.MaxSources)] {
		a, _ := limit.IPv4Of(source)
		all = append(all, config.Source{Address: a.String(), Bindings: floorOfTwo(bindings[source])})
	}
	return all
}

// floorOfTwo is the largest power of two that is not above n, which is positive.
func floorOfTwo(n int) int64 { return 1 << (bits.Len(uint(n)) - 1) }

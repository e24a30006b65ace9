package targets

import (
	"slices"

	"github.com/sipring/sipring/proxy/wire"
)

// maxBreadth is the Max-Breadth of a request that has none, and the most that
// one is taken to have (RFC 5393 5.3.3).
const maxBreadth = 60

// Breadth is how many branches a request may have at a time, from here on (RFC
// 5393 5.3.2: Incoming Max-Breadth).
func Breadth(m *wire.Message) int {
	n, has, err := m.MaxBreadth()
	if !has || err != nil {
		return maxBreadth
	}
	return min(n, maxBreadth)
}

// Share gives out a breadth to those of the targets that are tried at a time: all
// of it, and never more. It reports whether there is enough (RFC 5393 5.3.3).
func Share(list []Target, breadth int) bool {
	ways := number(list)
	if ways > breadth {
		return false
	}
	for i := range list {
		list[i].Breadth = shareOf(breadth, list[i].way, ways)
	}
	return true
}

// number counts the targets that are tried at a time, and gives each its place
// among them: the flows to one phone share theirs (RFC 5626 5.3), and what is tried when
// others have not taken the call has that of the first.
func number(list []Target) (n int) {
	for i := range list {
		t := &list[i]
		if t.way = n; t.Last && n > 0 {
			t.way = 0
			continue
		}
		if j := slices.IndexFunc(list[:i], t.sharesPhone); j >= 0 {
			t.way = list[j].way
		} else {
			n++
		}
	}
	return n
}

func (t *Target) sharesPhone(o Target) bool { return t.Group != 0 && t.Group == o.Group }

// shareOf is what branch i of n has of a breadth.
func shareOf(breadth, i, n int) int {
	share := breadth / n
	if i < breadth%n {
		share++
	}
	return share
}

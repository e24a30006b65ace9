package server

import (
	"slices"
	"strconv"

	"github.com/sipring/sipring/proxy/wire"
)

// maxBreadth is the Max-Breadth of a request that has none, and the most that
// one is taken to have (RFC 5393 5.3.3).
const maxBreadth = 60

// breadth is how many branches the request may have at a time, from here on
// (RFC 5393 5.3.2: Incoming Max-Breadth).
func (r *request) breadth() int {
	n, has, err := r.msg.MaxBreadth()
	if !has || err != nil {
		return maxBreadth
	}
	return min(n, maxBreadth)
}

// ways counts the targets that are tried at a time, and gives each its place among
// them: the flows to one phone share theirs (RFC 5626 5.3).
func (r *request) ways() (n int) {
	for i := range r.targets {
		t := &r.targets[i]
		t.way = n
		if j := slices.IndexFunc(r.targets[:i], t.sharesPhone); j >= 0 {
			t.way = r.targets[j].way
		} else {
			n++
		}
	}
	return n
}

func (t *target) sharesPhone(o target) bool { return t.group != 0 && t.group == o.group }

// shareOf is what branch i of n has of a breadth: all of it is given out, and
// never more.
func shareOf(breadth, i, n int) int {
	share := breadth / n
	if i < breadth%n {
		share++
	}
	return share
}

// setBreadth writes Max-Breadth into the request that is being edited. A CANCEL
// has none, as it is never proxied (RFC 5393 5.4.1): one that leaves here stands
// for our own.
func (r *request) setBreadth(n int) {
	if r.msg.Method() == wire.MethodCancel {
		return
	}
	var text [20]byte
	value := strconv.AppendInt(text[:0], int64(n), 10)
	if i := r.msg.Index(wire.HeaderMaxBreadth); i >= 0 {
		r.edit.ReplaceValue(i, value)
		return
	}
	r.edit.PrependHeader("Max-Breadth", value)
}

package connlimit

import (
	"container/heap"
	"container/list"
)

// A connection is in one of two classes.
const (
	idle = iota
	busy
	classes
)

// source is who connections come from.
type source struct {
	id    uint64
	of    [classes]list.List // of *place, the oldest first
	place [classes]int       // in the class's heap
}

func (s *source) len() int { return s.of[idle].Len() + s.of[busy].Len() }

// oldest is the first of a class, or of the other, nil if there is none.
func (s *source) oldest() *place {
	for class := range s.of {
		if p := s.first(class); p != nil {
			return p
		}
	}
	return nil
}

func (s *source) first(class int) *place {
	if e := s.of[class].Front(); e != nil {
		return e.Value.(*place)
	}
	return nil
}

// ranking has the sources with connections of a class, that with the most of them
// first; of several the one whose oldest is older. It is a heap.
type ranking struct {
	class   int
	sources []*source
}

// changed puts a source where it belongs now.
func (r *ranking) changed(s *source, had int) {
	switch has := s.of[r.class].Len(); {
	case had == 0 && has > 0:
		heap.Push(r, s)
	case had > 0 && has == 0:
		heap.Remove(r, s.place[r.class])
	case has > 0:
		heap.Fix(r, s.place[r.class])
	}
}

// victim is the oldest connection of the first source.
func (r *ranking) victim() *place {
	if len(r.sources) == 0 {
		return nil
	}
	return r.sources[0].first(r.class)
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (r *ranking) Len() int { return len(r.sources) }

// Less puts the source with more connections first.
func (r *ranking) Less(i, j int) bool {
	a, b := r.sources[i], r.sources[j]
	if m, n := a.of[r.class].Len(), b.of[r.class].Len(); m != n {
		return m > n
	}
	// A source leaves the heap only after its last connection of the class has gone.
	p, q := a.first(r.class), b.first(r.class)
	return q == nil || p != nil && p.since < q.since
}

// Swap swaps two.
func (r *ranking) Swap(i, j int) {
	r.sources[i], r.sources[j] = r.sources[j], r.sources[i]
	r.sources[i].place[r.class], r.sources[j].place[r.class] = i, j
}

// Push appends one.
func (r *ranking) Push(x any) {
	s := x.(*source)
	s.place[r.class] = len(r.sources)
	r.sources = append(r.sources, s)
}

// Pop takes the last one off.
func (r *ranking) Pop() any {
	last := len(r.sources) - 1
	s := r.sources[last]
	r.sources[last] = nil
	r.sources = r.sources[:last]
	return s
}

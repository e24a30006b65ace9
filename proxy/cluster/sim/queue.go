package sim

import "container/heap"

// event is something that happens at a time, in microseconds.
type event struct {
	at  int64
	seq uint64
	do  func()
}

// queue orders events by time, and those of one time as they were added.
type queue struct {
	events []event
	seq    uint64
}

func (q *queue) Len() int { return len(q.events) }
func (q *queue) Less(i, j int) bool {
	a, b := &q.events[i], &q.events[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}
func (q *queue) Swap(i, j int) { q.events[i], q.events[j] = q.events[j], q.events[i] }
func (q *queue) Push(x any)    { q.events = append(q.events, x.(event)) }
func (q *queue) Pop() any {
	last := len(q.events) - 1
	e := q.events[last]
	q.events[last] = event{}
	q.events = q.events[:last]
	return e
}

func (q *queue) add(at int64, do func()) {
	q.seq++
	heap.Push(q, event{at: at, seq: q.seq, do: do})
}

func (q *queue) next() event { return heap.Pop(q).(event) }

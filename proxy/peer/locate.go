package peer

import (
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
)

// locator asks who a contact is registered for: the state machine, and its lock,
// under which no other is taken. Safe for concurrent use.
type locator struct {
	mu sync.Mutex
	m  *cluster.Locator

	view    *current
	clock   *clock
	cores   *cores
	links   *links
	pace    *pace
	metrics *metrics
}

// begin is Node.Locate.
func (l *locator) begin(op *cluster.LocateOp) {
	v := l.view.Load()
	if v == nil {
		op.Result = cluster.Unavailable
		op.Done(op)
		return
	}
	op.AOR, op.Result = l.cores.locate(op.URI, op.AOR[:0])
	l.step(func(m *cluster.Locator, e *cluster.Effects) { m.Begin(l.clock.now(), v, op, e) })
}

// step runs a step of the machine and sends its questions. One that does
// not get into a queue is a question without an answer.
func (l *locator) step(f func(*cluster.Locator, *cluster.Effects)) {
	e := l.cores.takeEffects()
	l.mu.Lock()
	f(l.m, e)
	busy := l.m.Busy()
	l.mu.Unlock()
	for _, m := range e.Sends {
		l.send(m.To, kindLocate, e.Bytes(m))
	}
	l.cores.complete(e)
	if busy {
		l.pace.stir()
	}
}

func (l *locator) send(to uint32, kind uint8, payload []byte) {
	if s := l.links.streamTo(to); s != nil && s.append(kind, payload) != nil {
		l.metrics.queueFull.Inc()
	}
}

// answer answers another member's question.
func (l *locator) answer(from uint32, payload []byte) {
	id, uri, ok := cluster.ReadQuestion(payload)
	if !ok {
		l.metrics.unreadable.Inc()
		return
	}
	var space [256]byte
	aor, result := l.cores.locate(uri, space[:0])
	var answer [256]byte
	l.send(from, kindLocated, cluster.AppendAnswer(answer[:0], id, result, aor))
}

// answered takes another member's answer.
func (l *locator) answered(from uint32, payload []byte) {
	l.step(func(m *cluster.Locator, e *cluster.Effects) {
		if !m.Answered(from, payload, e) {
			l.metrics.unreadable.Inc()
		}
	})
}

// tick has the machine see who has died and what took too long.
func (l *locator) tick() {
	if v := l.view.Load(); v != nil {
		l.step(func(m *cluster.Locator, e *cluster.Effects) { m.Tick(l.clock.now(), v, e) })
	}
}

// stats counts what was asked for contacts.
func (l *locator) stats() cluster.LocateStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.m.Stats()
}

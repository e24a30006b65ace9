package application

import (
	"container/list"
	"hash/maphash"
	"math"
	"sync"
)

// Bounds of Calls.
const (
	// MaxCalls is how many calls are counted at a time.
	MaxCalls = 16384
	// MaxAORs is of how many addresses-of-record.
	MaxAORs = 4096
)

// Calls are those that the own application has, and the addresses-of-record that they are for. A call begins with the 2xx
// to INVITE that the application sent, and ends with a BYE, or when nothing is heard of it for the life of a token, or after that
// 2xx, whose ACK never came. Times
// are in milliseconds of one clock that does not go back. It has no clock of its own. Safe for concurrent use.
type Calls struct {
	callLife, pinAfter int64
	maxCalls, maxAORs  int
	seed               maphash.Seed // of keys, which strangers choose

	mu      sync.Mutex
	calls   map[uint64]*list.Element // of order, by the hash of their key
	order   list.List                // of *call, by when they end by themselves
	begun   list.List                // as order, those of which nothing was heard after their 2xx
	aors    map[string]*pinned
	refused uint64
	ended   map[uint64]bool
	past    []past        // those of ended, in the order in which they ended
	soon    []*pinned     // whose pins are to be written without delay, so many at most
	news    chan struct{} // there are some
}

// maxSoon is of how many addresses-of-record pins are written without delay at a time.
const maxSoon = 128

// past is a call that has ended, and until when what is repeated of it may come.
type past struct {
	key   uint64
	until int64
}

// repeats is for how long the 2xx of a call that has ended may come again, in milliseconds (RFC 3261 13.3.1.4: 64*T1).
const repeats = 32_000

// call is one that goes on.
type call struct {
	key  uint64
	of   *pinned
	in   *list.List // order or begun
	ends int64      // by itself
}

// pinned is an address-of-record that has calls at the application, or had lately.
type pinned struct {
	aor   string
	calls int
	since int64 // there are none
	due   int64 // when its pin is to be written
	told  bool  // it has been written, perhaps
	wrote int64 // when that was
	until int64 // its pin is good, as far as known here
	soon  bool  // it is among those of Calls
}

// NewCalls returns the calls of an application. A call of which nothing is heard ends after callLife, and the pin of an
// address-of-record stays for pinAfter after its last call; both in milliseconds.
func NewCalls(callLife, pinAfter int64) *Calls {
	return newCalls(callLife, pinAfter, MaxCalls, MaxAORs)
}

func newCalls(callLife, pinAfter int64, maxCalls, maxAORs int) *Calls {
	return &Calls{
		callLife: callLife, pinAfter: pinAfter, maxCalls: maxCalls, maxAORs: maxAORs, seed: maphash.MakeSeed(),
		calls: map[uint64]*list.Element{}, aors: map[string]*pinned{}, news: make(chan struct{}, 1), ended: map[uint64]bool{},
	}
}

// AppendKey appends what stands for a call: its Call-ID, and the tag that the application has in it, since a call that
// was forked there makes several dialogs of one Call-ID (RFC 3261 12).
func AppendKey(dst, callID, tag []byte) []byte {
	return append(append(append(dst, callID...), 0), tag...)
}

// Begin counts a call for an address-of-record, and reports whether there is room for it. One that is there already, or that
// has ended, stays so: its 2xx is repeated.
func (c *Calls) Begin(aor, key []byte, now int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	hash := maphash.Bytes(c.seed, key)
	if c.calls[hash] != nil || c.ended[hash] {
		return true
	}
	p := c.aors[string(aor)]
	if len(c.calls) >= c.maxCalls || p == nil && len(c.aors) >= c.maxAORs && !c.forgetIdle() {
		c.refused++
		return false
	}
	if p == nil {
		p = &pinned{aor: string(aor)}
		c.aors[p.aor] = p
	}
	if p.calls++; p.calls == 1 {
		c.renew(p, now)
	}
	c.calls[hash] = c.begun.PushBack(&call{key: hash, of: p, in: &c.begun, ends: now + min(c.callLife, repeats)})
	return true
}

// Invited tells that somebody calls an address-of-record: its pin is renewed before that is answered, lest it ends between this
// caller and the next. Where there is no room for another address-of-record the call that follows has to make some.
func (c *Calls) Invited(aor []byte, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	p := c.aors[string(aor)]
	switch {
	case c.pinAfter == 0 || p != nil && p.calls > 0 || p == nil && len(c.aors) >= c.maxAORs:
		return
	case p == nil:
		p = &pinned{aor: string(aor)}
		c.aors[p.aor] = p
	}
	p.since = now
	c.renew(p, now)
}

// Touch tells that a call goes on: a message within it, the ACK of its 2xx among them.
func (c *Calls) Touch(key []byte, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	if e := c.calls[maphash.Bytes(c.seed, key)]; e != nil {
		c.touch(e, now)
	}
}

// End ends a call, if there is such.
func (c *Calls) End(key []byte, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	hash := maphash.Bytes(c.seed, key)
	if e := c.calls[hash]; e != nil {
		c.end(e, now)
		c.remember(hash, now)
	}
}

// remember notes a call that has ended, of as many as there may be calls.
func (c *Calls) remember(hash uint64, now int64) {
	if len(c.past) >= c.maxCalls {
		delete(c.ended, c.past[0].key)
		c.past = c.past[1:]
	}
	c.ended[hash], c.past = true, append(c.past, past{hash, now + repeats})
}

// EndAll ends every call: the application's process, which had them, is gone.
func (c *Calls) EndAll(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	for _, e := range c.calls {
		c.end(e, now)
	}
}

// Live is how many calls there are.
func (c *Calls) Live() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// Pins is how many addresses-of-record are pinned here.
func (c *Calls) Pins() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.aors)
}

// Refused is how many calls there was no room for: nothing waits for them, and they pin nothing.
func (c *Calls) Refused() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// Of is how many calls an address-of-record has, and if that is 0 since when; false for one that is not pinned here.
func (c *Calls) Of(aor []byte) (calls int, since int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.aors[string(aor)]
	if p == nil {
		return 0, 0, false
	}
	return p.calls, p.since, true
}

func (c *Calls) touch(e *list.Element, now int64) {
	one := e.Value.(*call)
	one.in.Remove(e)
	one.in, one.ends = &c.order, now+c.callLife
	c.calls[one.key] = c.order.PushBack(one)
}

func (c *Calls) end(e *list.Element, at int64) {
	one := e.Value.(*call)
	one.in.Remove(e)
	delete(c.calls, one.key)
	if one.of.calls--; one.of.calls == 0 {
		one.of.since, one.of.due = at, at
	}
}

// expire ends the calls of which nothing was heard for too long.
func (c *Calls) expire(now int64) {
	for len(c.past) > 0 && c.past[0].until <= now {
		delete(c.ended, c.past[0].key)
		c.past = c.past[1:]
	}
	for _, list := range [...]*list.List{&c.begun, &c.order} {
		for e := list.Front(); e != nil && e.Value.(*call).ends <= now; e = list.Front() {
			c.end(e, e.Value.(*call).ends)
		}
	}
}

// forgetIdle makes room for another address-of-record: the pin of the one without calls for longest ends by itself. It
// reports whether there was one.
func (c *Calls) forgetIdle() bool {
	var idle *pinned
	oldest := int64(math.MaxInt64)
	for _, p := range c.aors {
		if p.calls == 0 && p.since < oldest {
			idle, oldest = p, p.since
		}
	}
	if idle != nil {
		delete(c.aors, idle.aor)
	}
	return idle != nil
}

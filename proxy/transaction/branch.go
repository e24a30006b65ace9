package transaction

import "github.com/sipring/sipring/proxy/wire"

// clientState is the state of a client transaction (RFC 3261 17.1, RFC 6026
// 7.2).
type clientState uint8

const (
	clientWaiting    clientState = iota // nothing sent: another of its group is being tried
	clientCalling                       // Calling of INVITE, Trying of the others
	clientProceeding                    // a provisional response came
	clientCompleted                     // a final response came; INVITE: not a 2xx
	clientAccepted                      // INVITE: a 2xx came
	clientTerminated
)

// cancelState is how far the CANCEL of a branch has come (RFC 3261 9.1).
type cancelState uint8

const (
	cancelNone     cancelState = iota
	cancelWanted               // to be sent when a provisional response comes
	cancelSent                 // retransmitted until it is answered
	cancelAnswered             // waiting for the final response to the INVITE
)

// Branch is a client transaction of a ResponseContext. Its methods may be called
// where a Table hands it out, and nowhere else.
type Branch struct {
	resendAt    int64 // Timers A, E, and E of the CANCEL
	limitAt     int64 // Timers B, D, F, K, M, and F of the CANCEL
	timerC      int64
	resendEvery int64
	strandedAt  int64 // of a branch that is

	status uint16 // of the last response, 0 before
	method wire.Method
	state  clientState
	cancel cancelState
	gone   bool // its request could not be sent, or its flow is over: another one may take its place

	repeated bool // its request was sent again, as nobody had answered

	rang     bool   // it was answered provisionally over a flow that is over, and sent again
	replaced bool   // stranded, and another branch is in its place
	instead  uint16 // one more than the place of the branch that it is in the place of

	target  Target // without Bytes
	request []byte // the request while it may be sent, then the ACK of a failure
}

// Target returns where the branch goes, without Bytes.
func (b *Branch) Target() *Target { return &b.target }

// Repeated reports whether the request was sent again, as nobody had answered.
func (b *Branch) Repeated() bool { return b.repeated }

func (b *Branch) invite() bool { return b.method == wire.MethodInvite }

// pending reports whether the branch has had no final response yet.
func (b *Branch) pending() bool { return b.state <= clientProceeding }

// next returns when the next timer fires, or never.
func (b *Branch) next() int64 { return min(b.resendAt, b.limitAt, b.timerC) }

// stop clears all timers.
func (b *Branch) stop() { b.resendAt, b.limitAt, b.timerC = never, never, never }

// become is the one place where the state changes, and with it the timers. A state
// that lasts no time over a reliable transport is over at once.
func (b *Branch) become(e *event, state clientState) {
	b.state = state
	switch state {
	case clientWaiting:
		b.stop()
	case clientCalling:
		b.limitAt = e.now + e.timeout // Timers B, F
		if b.invite() {
			b.timerC = e.now + e.c
		}
	case clientProceeding:
		if b.invite() {
			b.resendAt, b.limitAt = never, never
		}
	case clientCompleted:
		b.stop()
		d := e.t4 // Timer K
		if b.invite() {
			d = e.d // Timer D
		}
		if d = unless(b.target.reliable(), d); d == 0 {
			b.become(e, clientTerminated)
			return
		}
		b.limitAt = e.now + d
	case clientAccepted:
		b.stop()
		b.limitAt = e.now + e.timeout // Timer M
		e.pool.release(&b.request)
	case clientTerminated:
		b.stop()
		e.pool.release(&b.request)
	}
}

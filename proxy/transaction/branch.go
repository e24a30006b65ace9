package transaction

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

// Branch is a client transaction of a Context. Its methods may be called where
// a Table hands it out, and nowhere else.
type Branch struct {
	target  Target // without Bytes
	request []byte // the request while it may be sent, then the ACK of a failure

	resendAt    int64 // Timers A, E, and E of the CANCEL
	limitAt     int64 // Timers B, D, F, K, M, and F of the CANCEL
	timerC      int64
	resendEvery int64

	status uint16 // of the last response, 0 before
	state  clientState
	cancel cancelState
}

// Target returns where the branch goes, without Bytes.
func (b *Branch) Target() *Target { return &b.target }

// pending reports whether the branch has had no final response yet.
func (b *Branch) pending() bool { return b.state <= clientProceeding }

// stop clears all timers.
func (b *Branch) stop() { b.resendAt, b.limitAt, b.timerC = never, never, never }

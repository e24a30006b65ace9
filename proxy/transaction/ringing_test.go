package transaction

import "testing"

// ringing is a call that rings at target 1 and whose request is kept on.
const ringing = "0 = new, 0 up 100, 0 down 1 INVITE, 0 up 180, "

// inviteUp2 is a call that rings at two targets.
const inviteUp2 = "0 = new, 0 up 100, 0 down 1 INVITE, 0 down 2 INVITE, 0 up 180, 0 up 180, "

// RFC 5626 4.3, 5.3: a flow that ends while its phone rings has failed, and another one of
// the phone is found for the call.
func TestRFC5626_5_3_FlowOfARingingPhoneFails(t *testing.T) {
	const (
		rings    = "keep, INVITE, again 1, 1 180, "
		stranded = ringing + "0 stranded, "
	)
	tell(t, map[string]story{
		"the phone is back under its name": {
			down: true, script: rings + "over 1, seeks, left 1, wait 300, again 1, 1 180, 1 200",
			want: stranded + "0 = true, 0 = [1], 300 down 1 INVITE, 300 up 180, 300 up 200, 300 settled",
		},
		"under another one": {
			down: true, script: rings + "over 1, left 1 2, again 2, left 1 2, 2 180, 2 486, ACK",
			want: stranded + "0 = [1 2], 0 down 2 INVITE, 0 = [1], 0 up 180, 0 down 2 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"and refuses at once": {
			down: true, script: rings + "over 1, again 2, 2 486, ACK",
			want: stranded + "0 down 2 INVITE, 0 down 2 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"it has only said 100": {
			down: true, script: "keep, INVITE, again 1, 1 100, over 1, again 1, 1 180, 1 486, ACK",
			want: inviteUp + "0 stranded, 0 down 1 INVITE, 0 up 180, 0 down 1 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"it answers over a connection of its own": {
			down: true, script: rings + "over 1, 1 200, seeks, again 1", want: stranded + "0 up 200, 0 = false, 0 = false",
		},
		"it refuses over a connection of its own": {
			down: true, script: rings + "over 1, 1 486, ACK", want: stranded + "0 down 1 ACK, 0 up 486, 0 = ack",
		},
		"nobody comes back": {
			down: true, script: rings + "over 1, wait 8000, lapse again, ACK", want: stranded + "8000 up 480, 8000 = false, 8000 = ack",
		},
		"and it answers then": {
			down: true, script: rings + "over 1, wait 8000, lapse, 1 200, ACK", want: stranded + "8000 up 480, 8000 = false, 8000 up 200, 8000 = ack",
		},
		"two, one after the other, and the second is back when the first is given up": {
			down: true, script: "keep, INVITE, again 1 2, 1 180, 2 180, over 1, wait 5000, over 2, wait 3000, expire 0, seeks, left 1 2, again 2, 2 486, ACK",
			want: inviteUp2 + "0 stranded, 8000 = 5000 true, 8000 = true, 8000 = [1 2], 8000 down 2 INVITE, 8000 down 2 ACK, 8000 up 486, 8000 settled, 8000 = ack",
		},
		"nor is the second": {
			down: true, script: "keep, INVITE, again 1 2, 1 180, 2 180, over 1, wait 5000, over 2, wait 3000, expire 0, wait 5000, expire 5000, lapse again, ACK",
			want: inviteUp2 + "0 stranded, 8000 = 5000 true, 13000 = 0 false, 13000 up 480, 13000 = false, 13000 = ack",
		},
		"its next connection ends, too": {
			down: true, script: rings + "over 1, again 1, over 1, over 1, again 1, 1 486, ACK",
			want: stranded + "0 down 1 INVITE, 0 stranded, 0 down 1 INVITE, 0 down 1 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"so does that under another name": {
			down: true, script: rings + "over 1, again 2, over 2, left 1 2, again 2, 2 486, ACK",
			want: stranded + "0 down 2 INVITE, 0 stranded, 0 = [1 2], 0 down 2 INVITE, 0 down 2 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"that has said 100": {
			down: true, script: rings + "over 1, again 2, 2 100, over 2, left 1 2, lapse, ACK",
			want: stranded + "0 down 2 INVITE, 0 stranded, 0 = [1 2], 0 up 480, 0 = false, 0 = ack",
		},
		"that has rung": {
			down: true, script: rings + "over 1, again 2, 2 180, over 2, left 1 2, lapse, ACK",
			want: stranded + "0 down 2 INVITE, 0 up 180, 0 stranded, 0 = [1 2], 0 up 480, 0 = false, 0 = ack",
		},
		"nothing can be sent over the next": {
			down: true, script: rings + "over 1, 1 dead, again 1, lapse, ACK",
			want: stranded + "0 down 1 INVITE, 0 stranded, 0 up 480, 0 = false, 0 = ack",
		},
		"nobody looks for it any more": {
			down: true, script: rings + "over 1, again 1, fork 2, over 1, 2 486, ACK",
			want: stranded + "0 down 1 INVITE, 0 settled, 0 down 2 INVITE, 0 down 2 ACK, 0 up 486, 0 = ack",
		},
		"it is not kept": {
			down: true, script: "INVITE, again 1, 1 180, over 1, seeks, wait 184000, wait 1000, wait 32000, ACK",
			want: "0 = new, 0 up 100, 0 down 1 INVITE, 0 up 180, 0 settled, 0 = false, 185000 down 1 CANCEL, 217000 up 408, 217000 = ack",
		},
		"Timer C": {
			down: true, script: rings + "over 1, wait 185000, ACK", want: stranded + "185000 up 408, 185000 = ack",
		},
		"the caller gives up": {
			down: true, script: rings + "over 1, CANCEL, seeks, again 1, ACK",
			want: stranded + "0 cancel 200, 0 up 487, 0 = cancel, 0 = false, 0 = false, 0 = ack",
		},
		"the caller gives up once it is back": {
			down: true, script: rings + "over 1, again 1, CANCEL, 1 200 CANCEL, 1 487, ACK",
			want: stranded + "0 down 1 INVITE, 0 cancel 200, 0 down 1 CANCEL, 0 settled, 0 = cancel, 0 down 1 ACK, 0 up 487, 0 = ack",
		},
	})
}

// What rings elsewhere is not disturbed, and its answer counts.
func TestRFC3261_16_7_FlowOfOneOfManyThatRingFails(t *testing.T) {
	const stranded = "0 = new, 0 up 100, 0 down 1 INVITE, 0 down 2 INVITE, 0 up 180, 0 up 180, 0 stranded, "
	const rings = "keep, INVITE, again 1 2, 1 180, 2 180, over 1, "
	tell(t, map[string]story{
		"another answers": {
			down: true, script: rings + "2 200, seeks", want: stranded + "0 up 200, 0 = false",
		},
		"another refuses": {
			down: true, script: rings + "2 486, wait 8000, lapse, ACK", want: stranded + "0 down 2 ACK, 8000 up 486, 8000 = false, 8000 = ack",
		},
		"another declines for all": {
			down: true, script: rings + "2 603, ACK", want: stranded + "0 down 2 ACK, 0 up 603, 0 = ack",
		},
		"both are back": {
			down: true, script: rings + "over 2, left 1 2, again 1 2, 1 200, 2 487",
			want: stranded + "0 = [1 2], 0 down 1 INVITE, 0 down 2 INVITE, 0 up 200, 0 down 2 CANCEL, 0 settled, 0 down 2 ACK",
		},
		"one of both is": {
			down: true, script: rings + "over 2, again 1, left 1 2, lapse again, 1 486, ACK",
			want: stranded + "0 down 1 INVITE, 0 stranded, 0 = [2], 0 down 1 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"another's fails when nobody has come back": {
			down: true, script: rings + "lapse again, over 2, again 2, 2 486, ACK",
			want: stranded + "0 stranded, 0 down 2 INVITE, 0 down 2 ACK, 0 up 486, 0 settled, 0 = ack",
		},
	})
}

// The flows of one phone are tried one after the other, then it is waited for.
func TestRFC5626_5_3_NextFlowOfARingingPhone(t *testing.T) {
	const next = ringing + "0 down 2 INVITE, "
	tell(t, map[string]story{
		"nothing is kept": {
			down: true, script: "INVITE, fork a 1 2, 1 180, over 1, 2 180, 2 200", want: next + "0 up 180, 0 up 200",
		},
		"the phone has the call": {
			down: true, script: "INVITE, fork a 1 2, 1 180, over 1, 2 482, 1 200", want: next + "0 down 2 ACK, 0 up 200",
		},
		"it refuses": {
			down: true, script: "INVITE, fork a 1 2, 1 180, over 1, 2 486, ACK", want: next + "0 down 2 ACK, 0 up 486, 0 = ack",
		},
		"the next fails": {
			down: true, script: "INVITE, fork a 1 2 3, 1 180, over 1, 2 430, 3 482, 1 486, ACK",
			want: next + "0 down 2 ACK, 0 down 3 INVITE, 0 down 3 ACK, 0 down 1 ACK, 0 up 486, 0 = ack",
		},
		"all fail": {
			down: true, script: "INVITE, fork a 1 2, 1 180, over 1, 2 430, ACK", want: next + "0 down 2 ACK, 0 up 480, 0 = ack",
		},
		"all fail, and it is looked for": {
			down: true, script: "keep, INVITE, again a 1 2, 1 180, over 1, 2 430, left 1 2, again a 1, 1 200",
			want: next + "0 down 2 ACK, 0 stranded, 0 = [1], 0 down 1 INVITE, 0 up 200, 0 settled",
		},
		"it is back by two": {
			down: true, script: "keep, INVITE, again a 1, 1 180, over 1, again a 2 1, 1 430, 2 200",
			want: ringing + "0 stranded, 0 down 1 INVITE, 0 down 1 ACK, 0 down 2 INVITE, 0 up 200, 0 settled",
		},
	})
}

// RFC 3261 8.2.2.2: a phone that has the INVITE answers 482 to another copy of it. The
// caller does not hear of that, and what the phone says in the first branch counts.
func TestRFC3261_8_2_2_2_PhoneThatRingsMergesTheInvite(t *testing.T) {
	const merged = ringing + "0 stranded, 0 down 2 INVITE, 0 down 2 ACK, "
	const rings = "keep, INVITE, again 1, 1 180, over 1, again 2, 2 100, 2 482, "
	tell(t, map[string]story{
		"and answers": {
			down: true, script: rings + "seeks, 1 200", want: merged + "0 = false, 0 up 200, 0 settled",
		},
		"and refuses": {
			down: true, script: rings + "1 486, ACK", want: merged + "0 down 1 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"and is cancelled over its new flow": {
			down: true, script: rings + "CANCEL, 1 487, ACK",
			want: merged + "0 cancel 200, 0 down 1 CANCEL, 0 settled, 0 = cancel, 0 down 1 ACK, 0 up 487, 0 = ack",
		},
		"and is lost again": {
			down: true, script: rings + "over 2, again 3, 3 486, ACK",
			want: merged + "0 stranded, 0 down 3 INVITE, 0 down 3 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"when the caller has the answer": {
			down: true, script: "keep, INVITE, again 1, 1 180, over 1, again 2, 1 200, 2 482",
			want: ringing + "0 stranded, 0 down 2 INVITE, 0 up 200, 0 settled, 0 down 2 ACK",
		},
		"one that does not ring": {
			down: true, script: "INVITE, fork 1, 1 482, ACK", want: inviteUp + "0 down 1 ACK, 0 up 482, 0 = ack",
		},
	})
}

package transaction

import "testing"

// TestLast: what takes the calls that nobody else does, as voicemail.
func TestLast(t *testing.T) {
	second := "0 down 2 INVITE,"
	tell(t, map[string]story{
		"a failure leads to it": {
			script: "INVITE, fork 1 z 2, 1 180, 1 486, 2 200", want: inviteUp + "0 up 180, 0 down 1 ACK," + second + "0 up 200",
		},
		"the failures of all lead to it": {
			script: "INVITE, fork 1 3 z 2, 1 480, 3 404, 2 200",
			want:   "0 = new, 0 up 100, 0 down 1 INVITE, 0 down 3 INVITE, 0 down 1 ACK, 0 down 3 ACK," + second + "0 up 200",
		},
		"so does what cannot be reached": {
			script: "1 dead, INVITE, fork 1 z 2, 2 200", want: inviteUp + second + "0 up 200",
		},
		"so does silence": {
			down: true, script: "INVITE, fork 1 z 2, 1 180, wait 20000, 1 487, 2 180, 2 200",
			want: inviteUp + "0 up 180, 20000 down 1 CANCEL, 20000 down 2 INVITE, 20000 down 1 ACK, 20000 up 180, 20000 up 200",
		},
		"it answers for who has not": {
			down: true, script: "INVITE, fork 1 z 2, 1 180, wait 20000, 1 487, 2 486, ACK",
			want: inviteUp + "0 up 180, 20000 down 1 CANCEL, 20000 down 2 INVITE, 20000 down 1 ACK, 20000 down 2 ACK, 20000 up 486, 20000 = ack",
		},
		"an answer that is late counts all the same": {
			down: true, script: "INVITE, fork 1 z 2, 1 180, wait 20000, 2 180, 1 200, 2 487",
			want: inviteUp + "0 up 180, 20000 down 1 CANCEL, 20000 down 2 INVITE, 20000 up 180, 20000 up 200, 20000 down 2 CANCEL, 20000 down 2 ACK",
		},
		"of several one after the other": {
			script: "INVITE, fork 1 z 2 3, 1 486, 2 error, 3 200", want: inviteUp + "0 down 1 ACK," + second + "0 down 3 INVITE, 0 up 200",
		},
		"where all have failed the best counts": {
			script: "INVITE, fork 1 z 2, 1 486, 2 error, ACK", want: inviteUp + "0 down 1 ACK," + second + "0 up 486, 0 = ack",
		},
		"who declines for all": {
			script: "INVITE, fork 1 z 2, 1 603, ACK", want: inviteUp + "0 down 1 ACK, 0 up 603, 0 = ack",
		},
		"a challenge is the caller's": {
			script: "INVITE, fork 1 z 2, 1 407, ACK", want: inviteUp + "0 down 1 ACK, 0 up 407, 0 = ack",
		},
		"a caller who gives up": {
			down: true, script: "INVITE, fork 1 z 2, 1 180, CANCEL, 1 487, ACK, wait 20000",
			want: inviteUp + "0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 = cancel, 0 down 1 ACK, 0 up 487, 0 = ack, 5000 done",
		},
		"who answers": {
			down: true, script: "INVITE, fork 1 z 2, 1 180, 1 200, wait 32000",
			want: inviteUp + "0 up 180, 0 up 200, 32000 done",
		},
		"nobody else": {
			script: "INVITE, fork z 1 2, 1 error, 2 200", want: inviteUp + second + "0 up 200",
		},
	})
}

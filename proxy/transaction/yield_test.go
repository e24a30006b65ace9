package transaction

import "testing"

// Another member may hold the same INVITE: the network has handed it one copy,
// and this one another.
func TestYield(t *testing.T) {
	tell(t, map[string]story{
		"an INVITE that nobody answers is told of each time it is repeated": {
			silent: true, script: "INVITE, fork 1 2, wait 1500",
			want: bothForks + `500 down 1 INVITE, 500 down 2 INVITE, 500 silent
				1500 down 1 INVITE, 1500 down 2 INVITE, 1500 silent`,
		},
		"not if a branch has answered": {
			silent: true, script: "INVITE, fork 1 2, 1 100, wait 500",
			want: bothForks + "500 down 2 INVITE",
		},
		"nor a BYE": {
			silent: true, script: "BYE, fork 1, wait 500", want: byeUp + "500 down 1 BYE",
		},
		"it ends in silence": {
			script: "INVITE, fork 1 2, yield, wait 64000, 1 180",
			want:   bothForks + "0 done, 0 = false true, 64000 = false",
		},
		"an answered one does not": {
			script: "INVITE, fork 1 2, 1 100, yield, 2 180",
			want:   bothForks + "0 = true false, 0 up 180",
		},
		"nor one that was answered here": {
			script: "INVITE, answer 404, yield", want: "0 = new, 0 up 404, 0 = true false",
		},
		"nor one without branches": {
			script: "INVITE, yield", want: "0 = new, 0 = false false",
		},
		"a BYE has no part in it": {
			script: "BYE, fork 1, 1 200, yield", want: byeUp + "0 up 200, 0 = false false",
		},
		"a cancelled one passes the CANCEL on": {
			down: true, script: "INVITE, fork 1, CANCEL, yield, 1 200 CANCEL, 1 487, ACK",
			want: inviteUp + `0 cancel 200, 0 = cancel, 0 down 1 CANCEL, 0 = false true, 0 down 1 ACK, 0 up 487, 0 = ack`,
		},
	})
}

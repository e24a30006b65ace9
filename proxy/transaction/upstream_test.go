package transaction

import "testing"

// The response context: what goes upstream.
func TestRFC3261_16_7(t *testing.T) {
	tell(t, map[string]story{
		"step 5: 100 stays here, other provisional responses go": {
			script: "INVITE, fork 1 2, 1 100, 2 183, 1 180", want: bothForks + "0 up 183, 0 up 180",
		},
		"step 5: 2xx goes at once, the others are cancelled": {
			script: "INVITE, fork 1 2, 1 180, 2 180, 2 200, 1 487",
			want:   bothForks + "0 up 180, 0 up 180, 0 up 200, 0 down 1 CANCEL, 0 down 1 ACK",
		},
		"step 5: provisional responses after it are dropped": {
			script: "INVITE, fork 1 2, 1 180, 2 200, 1 183",
			want:   bothForks + "0 up 180, 0 up 200, 0 down 1 CANCEL",
		},
		"step 5: 6xx waits for the others, which are cancelled": {
			script: "INVITE, fork 1 2, 1 180, 2 603, 1 487",
			want:   bothForks + "0 up 180, 0 down 2 ACK, 0 down 1 CANCEL, 0 down 1 ACK, 0 up 603",
		},
		"step 5: a 2xx while 6xx waits": {
			script: "INVITE, fork 1 2, 1 180, 2 603, 1 200, ACK",
			want:   bothForks + "0 up 180, 0 down 2 ACK, 0 down 1 CANCEL, 0 up 200, 0 = no_match",
		},
		"step 5: no new branches after a 6xx": {
			script: "INVITE, fork 1 2, 2 603, fork 3",
			want:   bothForks + "0 down 2 ACK, 0 = false",
		},
		"step 5: a 2xx of a non-INVITE is the only answer": {
			script: "MESSAGE, fork 1 2, 1 200, 2 200",
			want:   "0 = new, 0 down 1 MESSAGE, 0 down 2 MESSAGE, 0 up 200",
		},
		"step 5: a late 2xx goes after any failure": {
			script: "INVITE, fork 1, 1 180, CANCEL, 1 200 CANCEL, 1 487, ACK, 1 200, wait 4000, 1 200",
			want: inviteUp + `0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 = cancel, 0 down 1 ACK, 0 up 487, 0 = ack
				0 up 200, 4000 up 200`,
		},
		"step 6: the best is chosen when the last has answered": {
			script: "INVITE, fork 1 2 3, 1 500, 2 404, 3 302",
			want: `0 = new, 0 up 100, 0 down 1 INVITE, 0 down 2 INVITE, 0 down 3 INVITE
				0 down 1 ACK, 0 down 2 ACK, 0 down 3 ACK, 0 up 302`,
		},
		"step 6: 6xx before all": {
			script: "INVITE, fork 1 2, 1 302, 2 600", want: bothForks + "0 down 1 ACK, 0 down 2 ACK, 0 up 600",
		},
		"step 6: a challenge before others of its class": {
			script: "INVITE, fork 1 2, 1 404, 2 407", want: bothForks + "0 down 1 ACK, 0 down 2 ACK, 0 up 407",
		},
		"step 6: the first of equals": {
			script: "INVITE, fork 1 2, 1 486, 2 404", want: bothForks + "0 down 1 ACK, 0 down 2 ACK, 0 up 486",
		},
		"step 6: an answer before a timeout": {
			down: true, script: "INVITE, fork 1 2, 1 486, wait 32000",
			want: bothForks + "0 down 1 ACK, 32000 up 486",
		},
		"step 6: 503 alone becomes 500": {
			script: "INVITE, fork 1 2, 1 503, 2 503", want: bothForks + "0 down 1 ACK, 0 down 2 ACK, 0 up 500",
		},
		"step 6: any other failure before 503": {
			script: "INVITE, fork 1 2, 1 503, 2 504", want: bothForks + "0 down 1 ACK, 0 down 2 ACK, 0 up 504",
		},
	})
}

// Timer C.
func TestRFC3261_16_8(t *testing.T) {
	tell(t, map[string]story{
		"a branch that rings too long is cancelled": {
			script: "INVITE, fork 1, 1 180, wait 185000, 1 200 CANCEL, 1 487",
			want:   inviteUp + "0 up 180, 185000 down 1 CANCEL, 185000 down 1 ACK, 185000 up 487",
		},
		"and given up if it does not answer the CANCEL": {
			down: true, script: "INVITE, fork 1, 1 180, wait 217000",
			want: inviteUp + "0 up 180, 185000 down 1 CANCEL, 217000 up 408",
		},
		"each 1xx but 100 starts it anew": {
			script: "INVITE, fork 1, 1 180, wait 184000, 1 180, wait 184000, 1 100, wait 1000, 1 200 CANCEL",
			want:   inviteUp + "0 up 180, 184000 up 180, 369000 down 1 CANCEL",
		},
		"100 alone does not keep it": {
			script: "INVITE, fork 1, 1 100, wait 185000, 1 200 CANCEL",
			want:   inviteUp + "185000 down 1 CANCEL",
		},
	})
}

// CANCEL, and RFC 3261 9.1 and 9.2.
func TestRFC3261_16_10(t *testing.T) {
	tell(t, map[string]story{
		"200 at once, CANCEL to each branch that rings, 487 when all have ended": {
			script: "INVITE, fork 1 2, 1 180, 2 180, CANCEL, 1 200 CANCEL, 2 200 CANCEL, 1 487, 2 487, ACK",
			want: bothForks + `0 up 180, 0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 down 2 CANCEL, 0 = cancel
				0 down 1 ACK, 0 down 2 ACK, 0 up 487, 0 = ack`,
		},
		"9.1: CANCEL waits for a provisional response": {
			script: "INVITE, fork 1, CANCEL, wait 500, 1 100, 1 200 CANCEL",
			want:   inviteUp + "0 cancel 200, 0 = cancel, 500 down 1 INVITE, 500 down 1 CANCEL",
		},
		"9.1: a final response instead makes it needless": {
			script: "INVITE, fork 1, CANCEL, 1 486", want: inviteUp + "0 cancel 200, 0 = cancel, 0 down 1 ACK, 0 up 486",
		},
		"9.1: none comes": {
			down: true, script: "INVITE, fork 1, CANCEL, wait 32000",
			want: inviteUp + "0 cancel 200, 0 = cancel, 32000 up 487",
		},
		"9.1: CANCEL is retransmitted until it is answered": {
			script: "INVITE, fork 1, 1 180, CANCEL, wait 1500, 1 100 CANCEL, wait 2000, 1 200 CANCEL, wait 20000",
			want: inviteUp + `0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 = cancel
				500 down 1 CANCEL, 1500 down 1 CANCEL, 3500 down 1 CANCEL`,
		},
		"9.1: the branch is given up after 64*T1": {
			down: true, script: "INVITE, fork 1, 1 180, CANCEL, 1 481 CANCEL, wait 32000",
			want: inviteUp + "0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 = cancel, 32000 up 487",
		},
		"9.2: before there are branches": {
			script: "INVITE, CANCEL, CANCEL, fork 1, ACK",
			want:   "0 = new, 0 cancel 200, 0 up 487, 0 = cancel, 0 cancel 200, 0 = cancel, 0 = false, 0 = ack",
		},
		"9.2: a retransmitted CANCEL gets the 200 again, nothing more": {
			script: "INVITE, fork 1, 1 180, CANCEL, CANCEL, 1 200 CANCEL",
			want:   inviteUp + "0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 = cancel, 0 cancel 200, 0 = cancel",
		},
		"9.2: after the final response it changes nothing": {
			script: "INVITE, fork 1, 1 200, CANCEL", want: inviteUp + "0 up 200, 0 cancel 200, 0 = cancel",
		},
		"no new branches": {
			script: "INVITE, fork 1, CANCEL, fork 2", want: inviteUp + "0 cancel 200, 0 = cancel, 0 = false",
		},
		"unknown": {script: "CANCEL, ACK", want: "0 = no_match, 0 = no_match"},
		"a response to a CANCEL that was not sent is dropped": {
			script: "INVITE, fork 1, 1 180, 1 200 CANCEL, 1 486", want: inviteUp + "0 up 180, 0 down 1 ACK, 0 up 486",
		},
		"an unreachable branch counts as cancelled": {
			script: "INVITE, fork 1, 1 180, CANCEL, 1 error", want: inviteUp + "0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 = cancel, 0 up 487",
		},
	})
}

// Branches that are added later (RFC 3261 16.6).
func TestRFC3261_16_6_LaterBranches(t *testing.T) {
	tell(t, map[string]story{
		"a 6xx ends the search": {
			script: "INVITE, fork 1, 1 180, fork 2, 1 603, fork 3", want: inviteUp + "0 up 180, 0 down 2 INVITE, 0 down 1 ACK, 0 = false",
		},
		"branches may be added while others ring": {
			script: "INVITE, fork 1, 1 180, fork 2, 1 486, 2 200",
			want:   inviteUp + "0 up 180, 0 down 2 INVITE, 0 down 1 ACK, 0 up 200",
		},
	})
}

package transaction

import "testing"

// INVITE server transaction.
func TestRFC3261_17_2_1(t *testing.T) {
	tell(t, map[string]story{
		"100 goes at once with the first branch": {
			script: "INVITE, wait 100, fork 1", want: "0 = new, 100 up 100, 100 down 1 INVITE",
		},
		"no 100 goes before, so that another member can be tried": {
			script: "INVITE, wait 500, INVITE, wait 500, fork 1, INVITE",
			want:   "0 = new, 500 = retransmission, 1000 up 100, 1000 down 1 INVITE, 1000 up 100, 1000 = retransmission",
		},
		"unless it is asked for": {
			script: "INVITE, trying, trying, INVITE, fork 1",
			want:   "0 = new, 0 up 100, 0 up 100, 0 = retransmission, 0 down 1 INVITE",
		},
		"Trying is for an INVITE without an answer": {
			script: "INVITE, answer 404, trying", want: "0 = new, 0 up 404, 0 = false",
		},
		"abandoned, it is as if it had never come": {
			script: "INVITE, abandon, INVITE, answer 404", want: "0 = new, 0 done, 0 = new, 0 up 404",
		},
		"with a branch or an answer it is not abandoned": {
			script: "INVITE, fork 1, abandon, answer 404, abandon",
			want:   inviteUp + "0 = false, 0 up 404, 0 = false",
		},
		"a final answer at once needs no 100": {
			script: "INVITE, answer 404, ACK, wait 5000", want: "0 = new, 0 up 404, 0 = ack, 5000 done",
		},
		"a retransmission gets the last provisional response": {
			script: "INVITE, fork 1, INVITE, 1 180, 1 183, INVITE",
			want:   inviteUp + "0 up 100, 0 = retransmission, 0 up 180, 0 up 183, 0 up 183, 0 = retransmission",
		},
		"a retransmission gets the failure": {
			script: "INVITE, answer 404, INVITE", want: "0 = new, 0 up 404, 0 up 404, 0 = retransmission",
		},
		"Timer G doubles up to T2, Timer H ends it": {
			script: "INVITE, answer 404, wait 32000",
			want: `0 = new, 0 up 404, 500 up 404, 1500 up 404, 3500 up 404, 7500 up 404, 11500 up 404, 15500 up 404
				19500 up 404, 23500 up 404, 27500 up 404, 31500 up 404, 32000 done`,
		},
		"a failure that is repeated says so": {
			unacked: true, script: "INVITE, fork 1, 1 404, wait 1500, ACK, wait 5000",
			want: inviteUp + `0 down 1 ACK, 0 up 404, 500 up 404, 500 unacked, 1500 up 404, 1500 unacked, 1500 = ack`,
		},
		"no Timer G over a reliable transport": {
			up: true, script: "INVITE, answer 404, wait 32000", want: "0 = new, 0 up 404, 32000 done",
		},
		"in Confirmed all is absorbed until Timer I": {
			script: "INVITE, answer 404, wait 100, ACK, ACK, INVITE, wait 5000, ACK",
			want:   "0 = new, 0 up 404, 100 = ack, 100 = ack, 100 = retransmission, 5100 done, 5100 = no_match",
		},
		"Timer I is zero over a reliable transport": {
			up: true, script: "INVITE, answer 404, ACK", want: "0 = new, 0 up 404, 0 done, 0 = ack",
		},
		"an ACK before the final response is absorbed": {
			script: "INVITE, fork 1, ACK, 1 180", want: inviteUp + "0 = ack, 0 up 180",
		},
		"nobody forks: 408": {
			script: "INVITE, wait 32000", want: "0 = new, 32000 up 408",
		},
		"an answer ends the branches": {
			script: "INVITE, fork 1 2, 1 180, answer 404, 2 100",
			want:   bothForks + "0 up 180, 0 up 404, 0 down 1 CANCEL, 0 down 2 CANCEL",
		},
		"a Fork after the answer is refused": {
			script: "INVITE, answer 404, fork 1", want: "0 = new, 0 up 404, 0 = false",
		},
		"refused, it is forgotten (8.2.7)": {
			script: "INVITE, refuse 404, refuse 404, ACK, INVITE, refuse 404, wait 1000",
			want:   "0 = new, 0 up 404, 0 done, 0 = false, 0 = no_match, 0 = new, 0 up 404, 0 done",
		},
		"unless something was sent before": {
			script: "INVITE, trying, refuse 404, wait 500, ACK",
			want:   "0 = new, 0 up 100, 0 up 404, 500 up 404, 500 = ack",
		},
		"or there is a branch": {
			script: "INVITE, fork 1, 1 180, refuse 404", want: inviteUp + "0 up 180, 0 up 404, 0 down 1 CANCEL",
		},
		"a success refuses nothing": {
			script: "INVITE, refuse 200", want: "0 = new, 0 = false",
		},
		"no targets": {
			script: "INVITE, fork", want: "0 = new, 0 up 100, 0 up 480",
		},
		"the same target twice": {
			script: "INVITE, fork 1 1", want: inviteUp,
		},
	})
}

// Non-INVITE server transaction.
func TestRFC3261_17_2_2(t *testing.T) {
	tell(t, map[string]story{
		"a retransmission in Trying is dropped": {
			script: "BYE, BYE, fork 1, BYE", want: "0 = new, 0 = retransmission, 0 down 1 BYE, 0 = retransmission",
		},
		"in Completed it gets the response, until Timer J": {
			script: "BYE, fork 1, 1 200, wait 500, BYE, wait 31500",
			want:   byeUp + "0 up 200, 500 up 200, 500 = retransmission, 32000 done",
		},
		"Timer J is zero over a reliable transport": {
			up: true, script: "BYE, fork 1, 1 200, wait 5000", want: byeUp + "0 up 200, 5000 done",
		},
		"an answer of the proxy's own": {
			script: "BYE, answer 481, BYE, answer 500",
			want:   "0 = new, 0 up 481, 0 up 481, 0 = retransmission, 0 = false",
		},
		"nobody forks: silence": {
			script: "BYE, wait 32000", want: "0 = new, 3500 up 100, 32000 done",
		},
		"a CANCEL does not match (9.2)": {
			script: "BYE, CANCEL, ACK", want: "0 = new, 0 = no_match, 0 = no_match",
		},
	})
}

// RFC 6026 7.1: the Accepted state of the server transaction.
func TestRFC6026_7_1_ServerAccepted(t *testing.T) {
	tell(t, map[string]story{
		"the INVITE is absorbed, the ACK is the core's": {
			script: "INVITE, fork 1, 1 200, INVITE, ACK", want: inviteUp + "0 up 200, 0 = retransmission, 0 = no_match",
		},
		"each branch's 2xx goes upstream": {
			script: "INVITE, fork 1 2, 1 200, 2 200, 1 200",
			want:   bothForks + "0 up 200, 0 up 200, 0 up 200",
		},
		"Timer L ends it": {
			script: "INVITE, fork 1, 1 200, wait 32000", want: inviteUp + "0 up 200, 32000 done",
		},
	})
}

// Provisional, timed out and late responses to non-INVITE requests.
func TestRFC4320(t *testing.T) {
	tell(t, map[string]story{
		"4.1: no provisional response goes upstream": {
			script: "BYE, fork 1, 1 180, 1 100", want: byeUp,
		},
		"4.2: no 408 of the proxy's own": {
			script: "BYE, refuse 408, refuse 504", want: "0 = new, 0 = false, 0 up 504, 0 done",
		},
		"4.1: 100 when Timer E has come to T2, and for retransmissions after": {
			down: true, script: "BYE, fork 1, wait 3480, BYE, wait 20, BYE",
			want: byeUp + "3480 = retransmission, 3500 up 100, 3500 up 100, 3500 = retransmission",
		},
		"4.1: over a reliable transport too": {
			up: true, down: true, script: "BYE, fork 1, wait 3500", want: byeUp + "3500 up 100",
		},
		"4.2: no 408": {
			down: true, script: "BYE, fork 1, 1 100, wait 32000", want: byeUp + "3500 up 100, 32000 done",
		},
		"4.2: a 408 from downstream stays here": {
			script: "BYE, fork 1, 1 408, BYE, wait 32000",
			want:   byeUp + "0 = retransmission, 3500 up 100, 32000 done",
		},
		"4.2: another branch's answer goes instead": {
			script: "BYE, fork 1 2, 1 408, 2 404", want: "0 = new, 0 down 1 BYE, 0 down 2 BYE, 0 up 404",
		},
		"4.2: a late response has nowhere to go": {
			down: true, script: "BYE, wait 4000, fork 1, wait 28000, 1 200",
			want: "0 = new, 3500 up 100, 4000 down 1 BYE, 32000 done, 32000 = false",
		},
	})
}

package transaction

import "testing"

// The first lines of most stories.
const (
	inviteUp  = "0 = new, 0 up 100, 0 down 1 INVITE,"
	byeUp     = "0 = new, 0 down 1 BYE,"
	bothForks = "0 = new, 0 up 100, 0 down 1 INVITE, 0 down 2 INVITE,"
)

// INVITE client transaction.
func TestRFC3261_17_1_1_2(t *testing.T) {
	tell(t, map[string]story{
		"Timer A doubles, Timer B ends it": {
			script: "INVITE, fork 1, wait 32000",
			want: inviteUp + `500 down 1 INVITE, 1500 down 1 INVITE, 3500 down 1 INVITE
				7500 down 1 INVITE, 15500 down 1 INVITE, 31500 down 1 INVITE, 32000 up 408`,
		},
		"over a reliable transport nothing is retransmitted": {
			down: true, script: "INVITE, fork 1, wait 32000",
			want: inviteUp + "32000 up 408",
		},
		"a provisional response stops A and B": {
			script: "INVITE, fork 1, wait 400, 1 100, wait 60000, 1 180, 1 180",
			want:   inviteUp + "60400 up 180, 60400 up 180",
		},
		"a failure is acknowledged, and again when it is retransmitted": {
			script: "INVITE, fork 1, 1 486, ACK, wait 1000, 1 486, wait 500, 1 486",
			want:   inviteUp + "0 down 1 ACK, 0 up 486, 0 = ack, 1000 down 1 ACK, 1500 down 1 ACK",
		},
		"after Timer D a failure is no longer acknowledged": {
			script: "INVITE, fork 1, wait 100, 1 486, wait 31000, ACK, 1 486, wait 999, 1 486, wait 21, 1 486",
			want: inviteUp + `100 down 1 ACK, 100 up 486, 600 up 486, 1600 up 486, 3600 up 486, 7600 up 486
				11600 up 486, 15600 up 486, 19600 up 486, 23600 up 486, 27600 up 486
				31100 = ack, 31100 down 1 ACK, 32099 down 1 ACK`,
		},
		"Timer D is zero over a reliable transport": {
			down: true, script: "INVITE, fork 1, 1 486, 1 486, ACK, wait 5000",
			want: inviteUp + "0 down 1 ACK, 0 up 486, 0 = ack, 5000 done",
		},
		"a provisional response after the final one is dropped": {
			script: "INVITE, fork 1, 1 486, 1 180, ACK",
			want:   inviteUp + "0 down 1 ACK, 0 up 486, 0 = ack",
		},
		"a transport error counts as 503 (17.1.4, 16.9)": {
			script: "INVITE, fork 1, 1 error, ACK, wait 5000",
			want:   inviteUp + "0 up 480, 0 = ack, 5000 done",
		},
		"a target that cannot be reached at once": {
			script: "1 dead, INVITE, fork 1 2, 2 180",
			want:   bothForks + "0 up 180",
		},
		"no target can be reached": {
			script: "1 dead, 2 dead, INVITE, fork 1 2",
			want:   bothForks + "0 up 480",
		},
		"a transport error in Completed ends it in silence": {
			script: "INVITE, fork 1, 1 486, 1 error, 1 486, ACK, wait 5000",
			want:   inviteUp + "0 down 1 ACK, 0 up 486, 0 = ack, 5000 done",
		},
	})
}

// Non-INVITE client transaction.
func TestRFC3261_17_1_2_2(t *testing.T) {
	tell(t, map[string]story{
		"Timer E doubles up to T2, Timer F ends it": {
			script: "BYE, fork 1, wait 32000",
			want: byeUp + `500 down 1 BYE, 1500 down 1 BYE, 3500 up 100, 3500 down 1 BYE, 7500 down 1 BYE, 11500 down 1 BYE
				15500 down 1 BYE, 19500 down 1 BYE, 23500 down 1 BYE, 27500 down 1 BYE, 31500 down 1 BYE, 32000 done`,
		},
		"in Proceeding Timer E is T2": {
			script: "BYE, fork 1, 1 100, wait 9000",
			want:   byeUp + "500 down 1 BYE, 3500 up 100, 4500 down 1 BYE, 8500 down 1 BYE",
		},
		"over a reliable transport nothing is retransmitted": {
			down: true, script: "BYE, fork 1, wait 32000",
			want: byeUp + "3500 up 100, 32000 done",
		},
		"retransmitted responses are absorbed": {
			script: "BYE, fork 1, 1 200, wait 4000, 1 200, wait 2000, 1 200",
			want:   byeUp + "0 up 200",
		},
		"reliable on both sides it ends with the response": {
			up: true, down: true, script: "BYE, fork 1, 1 200, 1 200",
			want: byeUp + "0 up 200, 0 done, 0 = false",
		},
		"a transport error counts as 503": {
			script: "BYE, fork 1, 1 error",
			want:   byeUp + "0 up 480",
		},
		"a response to another method is dropped (17.1.3)": {
			script: "BYE, fork 1, 1 200 INFO, 1 200 CANCEL, 1 481",
			want:   byeUp + "0 up 481",
		},
	})
}

// RFC 6026 7.2: the Accepted state of the client transaction.
func TestRFC6026_7_2_ClientAccepted(t *testing.T) {
	tell(t, map[string]story{
		"every 2xx goes upstream": {
			script: "INVITE, fork 1, 1 180, 1 200, wait 500, 1 200, wait 1000, 1 200",
			want:   inviteUp + "0 up 180, 0 up 200, 500 up 200, 1500 up 200",
		},
		"a failure after a 2xx is dropped": {
			script: "INVITE, fork 1, 1 200, 1 486, 1 180",
			want:   inviteUp + "0 up 200",
		},
		"a 2xx after a failure goes upstream": {
			script: "INVITE, fork 1, 1 486, 1 200, ACK",
			want:   inviteUp + "0 down 1 ACK, 0 up 486, 0 up 200, 0 = ack",
		},
		"Timer M ends it": {
			script: "INVITE, fork 1, 1 200, wait 31980, 1 200, wait 20, 1 200",
			want:   inviteUp + "0 up 200, 31980 up 200, 32000 done, 32000 = false",
		},
		"a 2xx from a branch that had timed out goes upstream": {
			down: true, script: "INVITE, fork 1, wait 32000, 1 200, 1 200",
			want: inviteUp + "32000 up 408, 32000 up 200, 32000 up 200",
		},
	})
}

package transaction

import "testing"

// Flows to one instance are tried one after the other.
func TestRFC5626_5_3_FlowsOfAnInstance(t *testing.T) {
	second := "0 down 2 INVITE,"
	tell(t, map[string]story{
		"one at a time": {
			script: "INVITE, fork a 1 2, 1 180, wait 60000, 1 486, ACK",
			want:   inviteUp + "0 up 180, 60000 down 1 ACK, 60000 up 486, 60000 = ack",
		},
		"430 leads to the next": {
			script: "INVITE, fork a 1 2, 1 430, 2 180, 2 486, ACK",
			want:   inviteUp + "0 down 1 ACK," + second + "0 up 180, 0 down 2 ACK, 0 up 486, 0 = ack",
		},
		"503 leads to the next": {
			script: "INVITE, fork a 1 2, 1 503, 2 200",
			want:   inviteUp + "0 down 1 ACK," + second + "0 up 200",
		},
		"silence leads to the next": {
			down: true, script: "INVITE, fork a 1 2, wait 32000, 2 180",
			want: inviteUp + "32000 down 2 INVITE, 32000 up 180",
		},
		"a transport error leads to the next": {
			script: "INVITE, fork a 1 2, 1 error, 2 180", want: inviteUp + second + "0 up 180",
		},
		"a target that cannot be reached leads to the next, and that to the one after it": {
			script: "1 dead, 2 dead, INVITE, fork a 1 2 3, 3 180", want: inviteUp + second + "0 down 3 INVITE, 0 up 180",
		},
		"a 408 from the network is the phone's answer": {
			script: "INVITE, fork a 1 2, 1 408, ACK", want: inviteUp + "0 down 1 ACK, 0 up 408, 0 = ack",
		},
		"all have failed": {
			script: "INVITE, fork a 1 2, 1 430, 2 430, ACK",
			want:   inviteUp + "0 down 1 ACK," + second + "0 down 2 ACK, 0 up 480, 0 = ack",
		},
		"the best of other instances counts when all have failed": {
			script: "INVITE, fork a 1 2 b 3, 3 486, 1 error, 2 error, ACK",
			want:   "0 = new, 0 up 100, 0 down 1 INVITE, 0 down 3 INVITE, 0 down 3 ACK," + second + "0 up 486, 0 = ack",
		},
		"instances are rung at once": {
			script: "INVITE, fork a 1 2 b 3 4, 1 error, 3 430, 4 180, 2 180",
			want: "0 = new, 0 up 100, 0 down 1 INVITE, 0 down 3 INVITE," + second +
				"0 down 3 ACK, 0 down 4 INVITE, 0 up 180, 0 up 180",
		},
		"an answer ends the group, and the others are not started": {
			down: true, script: "INVITE, fork a 1 2 b 3 4, 1 180, 3 180, 1 200, 3 430, wait 32000",
			want: `0 = new, 0 up 100, 0 down 1 INVITE, 0 down 3 INVITE, 0 up 180, 0 up 180, 0 up 200, 0 down 3 CANCEL, 0 down 3 ACK
				32000 done`,
		},
		"a 6xx starts none": {
			script: "INVITE, fork a 1 2 b 3 4, 3 603, 1 error, ACK",
			want:   "0 = new, 0 up 100, 0 down 1 INVITE, 0 down 3 INVITE, 0 down 3 ACK, 0 up 603, 0 = ack",
		},
		"CANCEL reaches who is tried, and starts none": {
			script: "INVITE, fork a 1 2, 1 180, CANCEL, 1 430, ACK",
			want:   inviteUp + "0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 = cancel, 0 down 1 ACK, 0 up 480, 0 = ack",
		},
		"CANCEL of who is silent": {
			down: true, script: "INVITE, fork a 1 2, CANCEL, wait 32000, ACK",
			want: inviteUp + "0 cancel 200, 0 = cancel, 32000 up 487, 32000 = ack",
		},
		"Timer C starts none": {
			down: true, script: "INVITE, fork a 1 2, 1 180, wait 185000, wait 32000, ACK",
			want: inviteUp + "0 up 180, 185000 down 1 CANCEL, 217000 up 408, 217000 = ack",
		},
		"the end of ringing starts none": {
			down: true, script: "INVITE, fork a 1 2, 1 180, wait 180000, 1 180, wait 180000, 1 180, wait 180000, 1 180, wait 60000, 1 503, ACK",
			want: inviteUp + `0 up 180, 180000 up 180, 360000 up 180, 540000 up 180, 600000 up 408, 600000 down 1 CANCEL
				600000 down 1 ACK, 600000 = ack`,
		},
		"an answer of the proxy's own starts none": {
			script: "INVITE, fork a 1 2, answer 480, 1 430, ACK",
			want:   inviteUp + "0 up 480, 0 down 1 ACK, 0 = ack",
		},
		"a yielded one starts none": {
			script: "INVITE, fork a 1 2, yield", want: inviteUp + "0 done, 0 = false true",
		},
		"another member has tried the next, and it rings": {
			script: "INVITE, fork a 1 2 3, 2 180, 1 error, 2 430, 3 180",
			want:   inviteUp + "0 up 180, 0 down 2 ACK, 0 down 3 INVITE, 0 up 180",
		},
		"another member has tried the next, and it has failed": {
			script: "INVITE, fork a 1 2 3, 2 430, 1 error, 3 180",
			want:   inviteUp + "0 down 2 ACK, 0 down 3 INVITE, 0 up 180",
		},
		"what cannot be reached is passed over": {
			script: "INVITE, fork a 1 2 3, 2 error, 1 error, 3 180", want: inviteUp + "0 down 3 INVITE, 0 up 180",
		},
		"a later group of targets waits for who is being tried": {
			script: "INVITE, fork a 1, fork a 2, 1 error, 2 180", want: inviteUp + second + "0 up 180",
		},
		"a request that is no INVITE": {
			script: "BYE, fork a 1 2, 1 430, 2 200", want: byeUp + "0 down 2 BYE, 0 up 200",
		},
		"no INVITE: an answer ends the group": {
			script: "BYE, fork a 1 2, 1 200, wait 32000", want: byeUp + "0 up 200, 32000 done",
		},
		"no INVITE: time is over for all": {
			down: true, script: "BYE, fork a 1 2, wait 32000", want: byeUp + "3500 up 100, 32000 done",
		},
	})
}

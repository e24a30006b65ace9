package transaction

import (
	"fmt"
	"strings"
	"testing"
)

// RFC 3261 16.8: a provisional response restarts Timer C. The call ends all the
// same when it has rung as long as it may.
func TestRFC3261_16_8_CallThatRingsForEver(t *testing.T) {
	rang := strings.Repeat("1 180, wait 60000,", 10) // 600 s
	tell(t, map[string]story{
		"it is cancelled, the caller gets 408": {
			script: "INVITE, fork 1, wait 1000," + rang + "1 180, 1 200 CANCEL, 1 487, ACK",
			want: inviteUp + "500 down 1 INVITE," + ups(1000, 60_000, 10) + `601000 up 408, 601000 down 1 CANCEL
				601000 down 1 ACK, 601000 = ack`,
		},
		"100 is no ringing": {
			script: "INVITE, fork 1, 1 100, wait 100000, 1 180, wait 184000, 1 180, wait 184000, 1 180, wait 184000, 1 180, wait 40000, 1 183, wait 8000",
			want: inviteUp + `100000 up 180, 284000 up 180, 468000 up 180, 652000 up 180, 692000 up 183
				700000 up 408, 700000 down 1 CANCEL`,
		},
		"branches ring together": {
			script: "INVITE, fork 1 2, 2 100," + strings.Repeat("1 180, wait 60000, 2 180, wait 60000,", 5),
			want:   bothForks + ups(0, 60_000, 10) + "600000 up 408, 600000 down 1 CANCEL, 600000 down 2 CANCEL",
		},
		"a CANCEL that nobody answers is given up": {
			down: true, script: "INVITE, fork 1," + rang + "ACK, " + strings.Repeat("1 180, wait 8000,", 5) + "1 180",
			want: inviteUp + ups(0, 60_000, 10) + "600000 up 408, 600000 down 1 CANCEL, 600000 = ack, 632000 done, 632000 = false, 640000 = false",
		},
		"an answer that crosses the CANCEL goes upstream": {
			down: true, script: "INVITE, fork 1," + rang + "1 200, ACK",
			want: inviteUp + ups(0, 60_000, 10) + "600000 up 408, 600000 down 1 CANCEL, 600000 up 200, 600000 = ack",
		},
		"an answered call rings no more": {
			down: true, script: "INVITE, fork 1, 1 180, 1 200, wait 31000, 1 200, wait 1000",
			want: inviteUp + "0 up 180, 0 up 200, 31000 up 200, 32000 done",
		},
	})
}

// ups is n provisional responses upstream, every so many milliseconds.
func ups(start, every, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d up 180,", start+i*every)
	}
	return b.String()
}

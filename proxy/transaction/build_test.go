package transaction

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// last returns the last message that was written down as what.
func (r *rig) last(what string) string {
	r.t.Helper()
	n := len(r.raw)
	for i := len(r.log) - 1; i >= 0; i-- {
		_, entry, _ := strings.Cut(r.log[i], " ")
		first, _, _ := strings.Cut(entry, " ")
		if first != "up" && first != "down" && first != "cancel" {
			continue
		}
		if n--; entry == what {
			return string(r.raw[n])
		}
	}
	r.t.Fatalf("no %q in %q", what, r.log)
	return ""
}

// What is built here, byte for byte.
func TestBuiltMessages(t *testing.T) {
	const (
		callee = "Via: SIP/2.0/UDP sip.example.com;branch=z9hG4bKown1\r\n" +
			"Route: <sip:edge.example.org;lr>\r\n" +
			"Route: <sip:inner.example.org;lr>\r\n" +
			"Max-Forwards: 70\r\n" +
			"From: Alice <sip:alice@example.net>;tag=a1\r\n"
		vias = "Via: SIP/2.0/UDP phone.example.net:5060;rport=40000;branch=z9hG4bKup;received=192.0.2.1\r\n" +
			"Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKfar\r\n" +
			"From: Alice <sip:alice@example.net>;tag=a1\r\n"
		ownTag = ";tag=05060708090a0b0c\r\n"
	)
	tests := map[string]struct{ script, what, want string }{
		"RFC 3261 17.1.1.3: ACK of a failure": {
			script: "INVITE, fork 1, 1 486", what: "down 1 ACK",
			want: "ACK sip:bob@198.51.100.1 SIP/2.0\r\n" + callee +
				"To: Bob <sip:bob@example.com>;tag=b1\r\nCall-ID: call-1\r\nCSeq: 314159 ACK\r\nContent-Length: 0\r\n\r\n",
		},
		"RFC 3261 9.1: CANCEL": {
			script: "INVITE, fork 1, 1 180, CANCEL", what: "down 1 CANCEL",
			want: "CANCEL sip:bob@198.51.100.1 SIP/2.0\r\n" + callee +
				"To: Bob <sip:bob@example.com>\r\nCall-ID: call-1\r\nCSeq: 314159 CANCEL\r\nContent-Length: 0\r\n\r\n",
		},
		"RFC 3326 2: CANCEL says that another branch has answered": {
			script: "INVITE, fork 1 2, 1 180, 2 200", what: "down 1 CANCEL",
			want: "CANCEL sip:bob@198.51.100.1 SIP/2.0\r\n" + callee +
				"To: Bob <sip:bob@example.com>\r\nCall-ID: call-1\r\nCSeq: 314159 CANCEL\r\n" +
				"Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\nContent-Length: 0\r\n\r\n",
		},
		"RFC 3261 8.2.6.1: 100": {
			script: "INVITE, fork 1", what: "up 100",
			want: "SIP/2.0 100 Trying\r\n" + vias +
				"To: Bob <sip:bob@example.com>\r\nCall-ID: call-1\r\nCSeq: 314159 INVITE\r\nContent-Length: 0\r\n\r\n",
		},
		"RFC 3261 8.2.6.2: 408": {
			script: "INVITE, fork 1, wait 32000", what: "up 408",
			want: "SIP/2.0 408 Request Timeout\r\n" + vias +
				"To: Bob <sip:bob@example.com>" + ownTag + "Call-ID: call-1\r\nCSeq: 314159 INVITE\r\nContent-Length: 0\r\n\r\n",
		},
		"RFC 3261 9.2: 200 to CANCEL": {
			script: "INVITE, CANCEL", what: "cancel 200",
			want: "SIP/2.0 200 OK\r\n" + vias +
				"To: Bob <sip:bob@example.com>" + ownTag + "Call-ID: call-1\r\nCSeq: 314159 CANCEL\r\nContent-Length: 0\r\n\r\n",
		},
		"RFC 3261 9.2: 487 with the tag of the 200 to CANCEL": {
			script: "INVITE, CANCEL", what: "up 487",
			want: "SIP/2.0 487 Request Terminated\r\n" + vias +
				"To: Bob <sip:bob@example.com>" + ownTag + "Call-ID: call-1\r\nCSeq: 314159 INVITE\r\nContent-Length: 0\r\n\r\n",
		},
		"RFC 3261 16.7 step 7: challenges of all branches": {
			script: "INVITE, fork 1 2 3 4, 1 407, 2 404, 3 401, 4 407", what: "up 407",
			want: "SIP/2.0 407 From Target\r\nWWW-Authenticate: Digest realm=\"3\"\r\nProxy-Authenticate: Digest realm=\"4\"\r\n" +
				strings.NewReplacer(";rport=40000", ";rport", ";received=192.0.2.1", "").Replace(vias) +
				"To: Bob <sip:bob@example.com>;tag=b1\r\nCall-ID: call-1\r\nCSeq: 314159 INVITE\r\n" +
				"Proxy-Authenticate: Digest realm=\"1\"\r\nContent-Length: 0\r\n\r\n",
		},
		"RFC 3261 16.7 step 8: a response goes as the caller gave it": {
			script: "INVITE, fork 1, 1 180", what: "up 180",
			want: "SIP/2.0 180 From Target\r\n" +
				strings.NewReplacer(";rport=40000", ";rport", ";received=192.0.2.1", "").Replace(vias) +
				"To: Bob <sip:bob@example.com>;tag=b1\r\nCall-ID: call-1\r\nCSeq: 314159 INVITE\r\nContent-Length: 0\r\n\r\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.run(tt.script)
			if diff := cmp.Diff(tt.want, r.last(tt.what)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// RFC 3326 2: the caller's Reason goes on with the CANCEL, within bounds.
func TestRFC3326_2_ReasonOfCaller(t *testing.T) {
	tests := map[string]struct {
		lines string
		want  []string
	}{
		"one":      {"Reason: SIP;cause=487\r\n", []string{"SIP;cause=487"}},
		"two":      {"Reason: SIP;cause=487\r\nReason: Q.850;cause=16\r\n", []string{"SIP;cause=487", "Q.850;cause=16"}},
		"none":     {"", nil},
		"too long": {"Reason: " + strings.Repeat("x", maxReason) + "\r\nReason: Q.850;cause=16\r\n", []string{"Q.850;cause=16"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			r.run("INVITE, fork 1, 1 180")
			b := bytes.Replace(request("CANCEL"), []byte("Content-Length"), []byte(tt.lines+"Content-Length"), 1)
			r.table.Request(r.now, rigKey, scan(t, b), flow.Flow{Conn: connCancel}, Known)
			var got []string
			for v := range scan(t, []byte(r.last("down 1 CANCEL"))).Values(wire.HeaderReason) {
				got = append(got, string(v))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A branch whose INVITE cannot be read is waited for all the same.
func TestUnreadableInvite(t *testing.T) {
	r := newRig(t, Options{})
	r.run("INVITE")
	unnumbered := bytes.Replace(forwarded("INVITE", 1), []byte("CSeq"), []byte("X-CSeq"), 1)
	r.table.Fork(r.now, rigKey, []Target{{Branch: rigBranch(1), Bytes: unnumbered, Flow: flow.Flow{Transport: flow.TCP}}})
	r.log = nil
	r.run("1 180, CANCEL, 1 486, 1 486")
	want := []string{"0 up 180", "0 cancel 200", "0 = cancel", "0 up 486"}
	if diff := cmp.Diff(want, r.log); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

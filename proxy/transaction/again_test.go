package transaction

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// A connection that is over ends what nobody has answered over it (RFC 3261 16.9), and
// a request whose targets are all lost is looked for others.
func TestRFC3261_16_9_TargetsLostWithTheirConnections(t *testing.T) {
	tell(t, map[string]story{
		"the only one": {
			down: true, script: "INVITE, fork 1, over 1, ACK", want: inviteUp + "0 up 480, 0 = ack",
		},
		"of another nothing comes": {
			down: true, script: "INVITE, fork 1, over 2, 1 180", want: inviteUp + "0 up 180",
		},
		"over UDP there is none": {
			script: "INVITE, fork 1, over 0, 1 180", want: inviteUp + "0 up 180",
		},
		"the next of the instance follows": {
			down: true, script: "INVITE, fork a 1 2, over 1, 2 180", want: inviteUp + "0 down 2 INVITE, 0 up 180",
		},
		"who rings answers over another": {
			down: true, script: "INVITE, again 1, 1 180, over 1, 1 486, ACK",
			want: inviteUp + "0 up 180, 0 settled, 0 down 1 ACK, 0 up 486, 0 = ack",
		},
		"another target follows": {
			down: true, script: "INVITE, again 1, over 1, wait 3000, again 2, 2 180, 2 486, ACK",
			want: inviteUp + "0 lost, 3000 down 2 INVITE, 3000 up 180, 3000 settled, 3000 down 2 ACK, 3000 up 486, 3000 = ack",
		},
		"the same over another connection": {
			down: true, script: "INVITE, again 1, over 1, wait 3000, again 1, 1 180, 1 486, ACK",
			want: inviteUp + "0 lost, 3000 down 1 INVITE, 3000 up 180, 3000 settled, 3000 down 1 ACK, 3000 up 486, 3000 = ack",
		},
		"another is lost, too": {
			down: true, script: "2 dead, INVITE, again 1, over 1, again 2, refuse 480, ACK",
			want: inviteUp + "0 lost, 0 down 2 INVITE, 0 lost, 0 up 480, 0 = ack",
		},
		"whatever could not be sent": {
			down: true, script: "1 dead, BYE, again 1, again 2, 2 200", want: "0 = new, 0 down 1 BYE, 0 lost, 0 down 2 BYE, 0 up 200, 0 settled",
		},
		"one of two": {
			down: true, script: "INVITE, again 1 2, over 1, 2 486, ACK",
			want: "0 = new, 0 up 100, 0 down 1 INVITE, 0 down 2 INVITE, 0 down 2 ACK, 0 up 486, 0 settled, 0 = ack",
		},
		"silence is an answer": {
			down: true, script: "INVITE, again 1, wait 32000, ACK", want: inviteUp + "32000 up 408, 32000 settled, 32000 = ack",
		},
		"nobody finds another": {
			down: true, script: "1 dead, INVITE, again 1, wait 32000, ACK", want: inviteUp + "0 lost, 32000 up 408, 32000 = ack",
		},
		"the caller has cancelled": {
			down: true, script: "INVITE, again 1, CANCEL, over 1, ACK",
			want: inviteUp + "0 cancel 200, 0 settled, 0 = cancel, 0 up 487, 0 = ack",
		},
		"the caller cancels while nobody is there": {
			down: true, script: "INVITE, again 1, over 1, provisional 182, CANCEL, again 2, ACK",
			want: inviteUp + "0 lost, 0 up 182, 0 cancel 200, 0 up 487, 0 = cancel, 0 = false, 0 = ack",
		},
	})
}

// An INVITE whose caller's connection is over goes on for a while, as the caller may come
// back, and is then given up: nobody would hear of an answer (RFC 3261 17.2.4).
func TestRFC3261_17_2_4_CallerWhoseConnectionIsOver(t *testing.T) {
	tell(t, map[string]story{
		"does not come back": {
			up: true, down: true, script: "INVITE, fork 1, 1 180, over 101, wait 8000, 1 487",
			want: inviteUp + "0 up 180, 8000 up 487, 8000 down 1 CANCEL, 8000 down 1 ACK",
		},
		"nor while it waits": {
			up: true, down: true, script: "INVITE, again 1, over 1, over 101, wait 8000", want: inviteUp + "0 lost, 8000 up 487",
		},
		"sends it again over another": {
			up: true, down: true, script: "INVITE, fork 1, 1 180, over 101, CANCEL, wait 8000", want: inviteUp + "0 up 180, 0 cancel 200, 0 down 1 CANCEL, 0 = cancel",
		},
		"is answered before": {
			up: true, down: true, script: "INVITE, fork 1, 1 180, over 101, wait 7000, 1 200, wait 1000", want: inviteUp + "0 up 180, 7000 up 200",
		},
		"is of another call": {
			up: true, down: true, script: "INVITE, fork 1, 1 180, over 103, wait 9000", want: inviteUp + "0 up 180",
		},
		"waits for no call": {
			up: true, down: true, script: "BYE, fork 1, over 101, wait 8000", want: "0 = new, 0 down 1 BYE, 3500 up 100",
		},
	})
}

// TestResponsesFollowTheSendersConnection: whoever sends a request again over another
// connection has lost the first.
func TestResponsesFollowTheSendersConnection(t *testing.T) {
	at := func(transport flow.Transport, conn uint64, address string) flow.Flow {
		return flow.Flow{Transport: transport, Conn: conn, Remote: netip.MustParseAddrPort(address)}
	}
	first := at(flow.TCP, 1, "192.0.2.1:40000")
	for name, c := range map[string]struct {
		again flow.Flow
		want  uint64
	}{
		"the same":       {first, 1},
		"another":        {at(flow.TCP, 2, "192.0.2.1:40001"), 2},
		"the same port":  {at(flow.TCP, 2, "192.0.2.1:40000"), 2},
		"another host":   {at(flow.TCP, 2, "192.0.2.2:40000"), 1},
		"one that reads": {at(flow.TLS, 2, "192.0.2.1:40001"), 1},
		"a datagram":     {at(flow.UDP, 0, "192.0.2.1:40000"), 1},
	} {
		out := &lastConn{}
		table := NewTable(Options{}, out)
		for _, from := range []flow.Flow{first, c.again} {
			table.Request(rigStart, rigKey, scan(t, request("INVITE")), from, Known)
		}
		table.Refuse(rigStart, rigKey, byProxy(t, 480))
		if out.conn != c.want {
			t.Errorf("%s: the response goes over connection %d, want %d", name, out.conn, c.want)
		}
	}
}

// lastConn notes which connection the last response went over.
type lastConn struct{ conn uint64 }

func (o *lastConn) Upstream(_ *ResponseContext, to flow.Flow, _ []byte, _ bool) { o.conn = to.Conn }

func (o *lastConn) Downstream(*ResponseContext, *Branch, []byte) bool { return true }

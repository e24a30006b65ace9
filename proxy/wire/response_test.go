package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// RFC 3261 8.2.6.
func TestAppendResponse(t *testing.T) {
	const req = "INVITE sip:bob@example.com SIP/2.0\r\n" +
		"Record-Route: <sip:p1;lr>\r\n" +
		"v: SIP/2.0/UDP p1;branch=z1;rport ,\r\n SIP/2.0/UDP p2\r\n" +
		"t: \"Bob\" <sip:bob@example.com>\r\n" +
		"Timestamp: 54\r\n" +
		"Via: SIP/2.0/UDP ua;branch=z3  \r\n" +
		"FROM: <sip:alice@example.com>;tag=a\n" +
		"i: call\r\n" +
		"Record-Route: <sip:p0;lr>\r\n" +
		"CSEQ: 7\r\n INVITE\r\n" +
		"Subject: not copied\r\n" +
		"\r\nbody"
	const from, end = "FROM: <sip:alice@example.com>;tag=a\r\n", "i: call\r\nCSEQ: 7\r\n INVITE\r\n"
	m := mustScan(t, req)
	for name, c := range map[string]struct {
		status int
		reason string
		o      ResponseOptions
		want   string
	}{
		"trying": {
			100, "Trying",
			ResponseOptions{},
			"SIP/2.0 100 Trying\r\nv: SIP/2.0/UDP p1;branch=z1;rport ,\r\n SIP/2.0/UDP p2\r\nVia: SIP/2.0/UDP ua;branch=z3\r\n" +
				from + "t: \"Bob\" <sip:bob@example.com>\r\n" + end + "Timestamp: 54\r\nContent-Length: 0\r\n\r\n",
		},
		"tag and extra": {
			404, "Not Found",
			ResponseOptions{ToTag: []byte("x"), Extra: []byte("Server: s\r\nWarning: w\r\n")},
			"SIP/2.0 404 Not Found\r\nv: SIP/2.0/UDP p1;branch=z1;rport ,\r\n SIP/2.0/UDP p2\r\nVia: SIP/2.0/UDP ua;branch=z3\r\n" +
				from + "t: \"Bob\" <sip:bob@example.com>;tag=x\r\n" + end + "Server: s\r\nWarning: w\r\nContent-Length: 0\r\n\r\n",
		},
		"received and rport": {
			200, "OK",
			ResponseOptions{Received: []byte("192.0.2.1"), RPort: 4000, SetRPort: true},
			"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP p1;branch=z1;rport=4000;received=192.0.2.1 ,\r\n SIP/2.0/UDP p2\r\nVia: SIP/2.0/UDP ua;branch=z3\r\n" +
				from + "t: \"Bob\" <sip:bob@example.com>\r\n" + end + "Content-Length: 0\r\n\r\n",
		},
		"dialog and body": {
			200, "OK",
			ResponseOptions{RecordRoute: true, ToTag: []byte("y"), Body: []byte("hello")},
			"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP p1;branch=z1;rport ,\r\n SIP/2.0/UDP p2\r\nVia: SIP/2.0/UDP ua;branch=z3\r\n" +
				"Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p0;lr>\r\n" +
				from + "t: \"Bob\" <sip:bob@example.com>;tag=y\r\n" + end + "Content-Length: 5\r\n\r\nhello",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(AppendResponseWith([]byte("x"), m, c.status, c.reason, &c.o))
			if diff := cmp.Diff("x"+c.want, got); diff != "" {
				t.Error(diff)
			}
			mustScan(t, got[1:])
		})
	}
}

// RFC 6223 4.4: a keep without a value in the topmost Via gets one, and no other.
func TestRFC6223_4_4_ValueOfKeep(t *testing.T) {
	for via, want := range map[string]string{
		"SIP/2.0/UDP a;keep;branch=z":                "SIP/2.0/UDP a;keep=25;branch=z;received=::1",
		"SIP/2.0/UDP a;rport;branch=z ; KEEP":        "SIP/2.0/UDP a;rport=9;branch=z ; keep=25;received=::1",
		"SIP/2.0/UDP a;keep ;received=b;rport":       "SIP/2.0/UDP a;keep=25 ;received=::1;rport=9",
		"SIP/2.0/UDP a;received=b;keep;rport=1":      "SIP/2.0/UDP a;received=::1;keep=25;rport=9",
		"SIP/2.0/UDP a;keep=1":                       "SIP/2.0/UDP a;keep=1;received=::1",
		"SIP/2.0/UDP a;branch=keep":                  "SIP/2.0/UDP a;branch=keep;received=::1",
		"SIP/2.0/UDP a;branch=z, SIP/2.0/UDP b;keep": "SIP/2.0/UDP a;branch=z;received=::1, SIP/2.0/UDP b;keep",
	} {
		m := mustScan(t, "REGISTER sip:a SIP/2.0\r\nVia: "+via+"\r\n\r\n")
		top, err := m.TopVia()
		if err != nil {
			t.Fatal(err)
		}
		_, asked := top.RPort()
		got := AppendResponseWith(nil, m, 200, "OK", &ResponseOptions{Received: []byte("::1"), RPort: 9, SetRPort: asked, Keep: 25})
		if diff := cmp.Diff("SIP/2.0 200 OK\r\nVia: "+want+"\r\nContent-Length: 0\r\n\r\n", string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAppendResponseToTag(t *testing.T) {
	for to, want := range map[string]string{
		"<sip:b@c>":               "<sip:b@c>;tag=new",
		"<sip:b@c;tag=x>":         "<sip:b@c;tag=x>;tag=new",
		"sip:b@c":                 "sip:b@c;tag=new",
		"<sip:b@c>;tag=old":       "<sip:b@c>;tag=old",
		"<sip:b@c>;tag":           "<sip:b@c>;tag",
		"<sip:b@c>; TAG =old":     "<sip:b@c>; TAG =old",
		"<sip:b@c> ;x=\";tag=y\"": "<sip:b@c> ;x=\";tag=y\";tag=new",
		"<sip:b@c> ;":             "<sip:b@c> ;tag=new",
		"\"malformed":             "\"malformed",
	} {
		m := mustScan(t, "BYE sip:a SIP/2.0\r\nTo: "+to+"\r\n\r\n")
		got := AppendResponse(nil, m, 481, "Gone", []byte("new"), nil)
		if diff := cmp.Diff("SIP/2.0 481 Gone\r\nTo: "+want+"\r\nContent-Length: 0\r\n\r\n", string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAppendResponseOfNothing(t *testing.T) {
	var m Message
	got := AppendResponseWith(nil, &m, 400, "Bad", &ResponseOptions{Received: []byte("x"), SetRPort: true, RecordRoute: true, ToTag: []byte("y")})
	if diff := cmp.Diff("SIP/2.0 400 Bad\r\nContent-Length: 0\r\n\r\n", string(got)); diff != "" {
		t.Error(diff)
	}
}

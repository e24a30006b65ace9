package wire

import (
	"strings"
	"testing"
)

// crlf gives a message written with plain line ends those of the wire.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// benchINVITE is an INVITE of a desk phone that has come through a proxy, about 1 KB with its SDP.
var benchINVITE = crlf(`INVITE sip:bob@192.0.2.20:5060;transport=udp SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---8f5f2c0e6bd5c0b1;rport
Max-Forwards: 70
Route: <sip:sip.example.com;lr;token=AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA>
Contact: <sip:alice@192.0.2.10:5060;transport=udp>
To: "Bob" <sip:bob@example.com>
From: "Alice" <sip:alice@example.com>;tag=a73kszlfl
Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.10
CSeq: 314159 INVITE
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO
Supported: replaces, timer, path, outbound
Session-Expires: 1800
User-Agent: ExamplePhone 4.11.2
Content-Type: application/sdp
Content-Length: 317

v=0
o=- 3845123456 3845123456 IN IP4 192.0.2.10
s=call
c=IN IP4 192.0.2.10
t=0 0
m=audio 40376 RTP/AVP 9 8 0 101
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
a=candidate:1 1 UDP 2130706431 192.0.2.10 40376 typ host
`)

var benchREGISTER = crlf(`REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---7a1b2c3d4e5f6a7b;rport
Max-Forwards: 70
Contact: <sip:alice@192.0.2.10:5060;transport=udp>;expires=3600;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>";reg-id=1
To: <sip:alice@example.com>
From: <sip:alice@example.com>;tag=9f2c1d
Call-ID: 9a8b7c6d5e4f@192.0.2.10
CSeq: 2 REGISTER
Expires: 3600
Supported: path, outbound, gruu
User-Agent: ExamplePhone 4.11.2
Content-Length: 0

`)

func BenchmarkScanINVITE(b *testing.B)   { benchScan(b, benchINVITE) }
func BenchmarkScanREGISTER(b *testing.B) { benchScan(b, benchREGISTER) }

func benchScan(b *testing.B, raw []byte) {
	var m Message
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if err := m.Scan(raw, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanValidateINVITE(b *testing.B) {
	var m Message
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Scan(benchINVITE, nil); err != nil {
			b.Fatal(err)
		}
		if err := m.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

var (
	benchVia         = []byte("SIP/2.0/UDP sip.example.com:5060;branch=z9hG4bKAbCdEfGhIjKlMnOpQrStUvWxYz012345")
	benchRecordRoute = []byte("<sip:sip.example.com;lr;token=AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA>")
)

// forward is what a proxy does to an in-dialog request (RFC 3261 16.4, 16.6).
func forward(m *Message, e *Edit, dst []byte) []byte {
	hops, _, _ := m.MaxForwards()
	e.Reset(m)
	e.RemoveTop(HeaderRoute)
	e.PrependHeader("Via", benchVia)
	e.PrependHeader("Record-Route", benchRecordRoute)
	e.SetMaxForwards(hops - 1)
	return e.Append(dst)
}

func BenchmarkScanForwardINVITE(b *testing.B) {
	var m Message
	var e Edit
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Scan(benchINVITE, nil); err != nil {
			b.Fatal(err)
		}
		dst = forward(&m, &e, dst[:0])
	}
}

func BenchmarkScanRespondREGISTER(b *testing.B) {
	var m Message
	dst := make([]byte, 0, 4096)
	o := ResponseOptions{ToTag: []byte("abc"), Received: []byte("192.0.2.10"), RPort: 5060, SetRPort: true}
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Scan(benchREGISTER, nil); err != nil {
			b.Fatal(err)
		}
		dst = AppendResponseWith(dst[:0], &m, 200, "OK", &o)
	}
}

func BenchmarkTopVia(b *testing.B) {
	var m Message
	if err := m.Scan(benchINVITE, nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.TopVia(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseURI(b *testing.B) {
	for _, text := range []string{"sip:alice@example.com:5060", "sip:alice@example.com:5060;transport=udp"} {
		b.Run(text, func(b *testing.B) {
			for uri := []byte(text); b.Loop(); {
				if _, err := ParseURI(uri); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCanonicalAOR(b *testing.B) {
	aor := []byte("sip:alice@example.com;transport=udp")
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		u, err := ParseURI(aor)
		if err != nil {
			b.Fatal(err)
		}
		dst = CanonicalAOR(dst[:0], u)
	}
}

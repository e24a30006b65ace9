package server

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// A stream of bytes needs a Content-Length, which datagrams and WebSocket messages do
// without (RFC 3261 18.3, RFC 7118 5).
func TestRFC3261_20_14_ContentLengthOverTCP(t *testing.T) {
	t.Parallel()
	request := func(transport, lines string) []byte {
		return crlf(`
			OPTIONS sip:example.com SIP/2.0
			Via: SIP/2.0/` + transport + ` 192.0.2.1:5060;branch=` + unique("z9hG4bK") + `
			Max-Forwards: 70
			From: <sip:alice@example.com>;tag=1
			To: <sip:example.com>
			Call-ID: ` + unique("o") + `
			CSeq: 1 OPTIONS` + lines)
	}
	for transport := range flow.Transports {
		x := startProxy(t)
		f := flow.Flow{Remote: netip.MustParseAddrPort("192.0.2.1:5060"), Transport: transport}
		if transport.Reliable() {
			f.Owner, f.Conn = 1, 1
		}
		refused := func() uint64 { return x.metrics.codes[codePlace(400)*int(origins)+int(local)].Load() }
		x.Message(f, request(transport.String(), "\nContent-Length: 0"))
		if n := refused(); n != 0 {
			t.Errorf("%s: refused with a Content-Length", transport)
		}
		want := uint64(0)
		if transport == flow.TCP || transport == flow.TLS {
			want = 1
		}
		if x.Message(f, request(transport.String(), "")); refused() != want {
			t.Errorf("%s: refused %d without a Content-Length, want %d", transport, refused(), want)
		}
	}
}

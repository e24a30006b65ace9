package flow

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func address(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var flows = rapid.Custom(func(t *rapid.T) Flow {
	addr := rapid.OneOf(
		rapid.Just(netip.Addr{}),
		rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::ffff:192.0.2.1")}),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 4, 4), func(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)) }),
	).Draw(t, "addr")
	return Flow{
		Remote:    netip.AddrPortFrom(addr, rapid.Uint16().Draw(t, "port")),
		Conn:      rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "conn"),
		Owner:     rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32()).Draw(t, "owner"),
		Life:      rapid.Uint32().Draw(t, "life"),
		Listener:  rapid.OneOf(rapid.Just(uint16(0)), rapid.Uint16()).Draw(t, "listener"),
		Socket:    rapid.Uint16().Draw(t, "socket"),
		Transport: Transport(rapid.IntRange(0, int(Transports)-1).Draw(t, "transport")),
	}
})

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := flows.Draw(t, "flow")
		b := Append([]byte("before"), want)
		if n := len(b) - len("before"); n < MinLen || n > MaxLen {
			t.Fatalf("%d bytes, not %d to %d", n, MinLen, MaxLen)
		}
		var got Flow
		rest, ok := Cut(append(b[len("before"):], "after"...), &got)
		if !ok || string(rest) != "after" || got != want.plain() || !got.Equal(want) {
			t.Fatalf("read %+v, rest %q, ok %v; wrote %+v", got, rest, ok, want)
		}
		for n := range len(b) - len("before") {
			if _, ok := Cut(b[len("before"):len("before")+n], &got); ok {
				t.Fatalf("cut to %d bytes and read as %+v", n, got)
			}
		}
	})
}

func TestLongest(t *testing.T) {
	f := Flow{Remote: address("[2001:db8::1]:65535"), Conn: 1<<64 - 1, Owner: 1<<32 - 1, Life: 1, Transport: WSS}
	if n := len(Append(nil, f)); n != MaxLen {
		t.Errorf("%d bytes, MaxLen is %d", n, MaxLen)
	}
}

// The encodings are a contract with the versions beside this one: those of a cluster
// of one listener are what versions wrote that knew of no other.
func TestEncodings(t *testing.T) {
	for name, tt := range map[string]struct {
		f    Flow
		want string
	}{
		"IPv4":                       {OverUDP(address("192.0.2.1:5060")), "01 c0000201 13c4"},
		"IPv6":                       {OverUDP(address("[2001:db8::1]:5060")), "02 20010db8000000000000000000000001 13c4"},
		"anywhere":                   {Flow{}, "00"},
		"TLS":                        {Flow{Remote: address("192.0.2.1:5061"), Conn: 5, Owner: 3, Life: 9, Transport: TLS}, "2d 03 00000009 05 c0000201 13c5"},
		"another listener":           {Flow{Remote: address("192.0.2.1:5060"), Listener: 5070}, "05 ce27 00000000 c0000201 13c4"},
		"application":                {ToLocal(3, 5080), "55 03 00000000 7f000001 13d8"},
		"anywhere, another listener": {Flow{Listener: 5070}, "04 ce27 00000000"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(tt.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := Append(nil, tt.f); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", name, got, want)
		}
	}
}

// FuzzCut: what is read is what Append writes for it, whatever the bytes.
func FuzzCut(f *testing.F) {
	f.Add([]byte{})
	f.Add(Append(nil, OverUDP(address("192.0.2.1:5060"))))
	f.Add(Append(nil, Flow{Remote: address("[2001:db8::1]:5061"), Conn: 1 << 40, Owner: 3, Life: 9, Transport: TLS}))
	f.Add(Append(nil, Flow{Remote: address("192.0.2.1:5060"), Listener: 5070}))
	f.Add(Append(nil, ToLocal(3, 5080)))
	f.Add([]byte{byte(Local)<<transportShift | hasOwner, 1, 0, 0, 0, 1}) // in a life
	f.Add([]byte{hasOwner, 0x80, 0})
	f.Add([]byte{hasOwner, 0x80, 0x80, 4, 0, 0, 0, 0}) // the listener at port 65536
	f.Add([]byte{hasOwner, 1, 0, 0, 0, 1})             // of UDP in another life
	f.Add([]byte{addrV6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Flow{Life: 1}
		rest, ok := Cut(b, &got)
		if !ok {
			if got != (Flow{}) || rest != nil {
				t.Fatalf("refused, but says %+v and leaves %x", got, rest)
			}
			return
		}
		if read := b[:len(b)-len(rest)]; !bytes.Equal(Append(nil, got), read) {
			t.Fatalf("%x was read as %+v, which is written %x", read, got, Append(nil, got))
		}
	})
}

func TestEqual(t *testing.T) {
	f := Flow{Remote: address("192.0.2.1:5060"), Conn: 7, Owner: 3, Life: 9, Socket: 1, Transport: TCP}
	edit := func(edit func(*Flow)) Flow { g := f; edit(&g); return g }
	for name, tt := range map[string]struct {
		other Flow
		want  bool
	}{
		"itself":             {f, true},
		"another socket":     {edit(func(g *Flow) { g.Socket = 2 }), true},
		"IPv4 in IPv6 form":  {edit(func(g *Flow) { g.Remote = address("[::ffff:192.0.2.1]:5060") }), true},
		"another port":       {edit(func(g *Flow) { g.Remote = address("192.0.2.1:5061") }), false},
		"another connection": {edit(func(g *Flow) { g.Conn = 8 }), false},
		"another owner":      {edit(func(g *Flow) { g.Owner = 4 }), false},
		"another life":       {edit(func(g *Flow) { g.Life = 10 }), false},
		"another transport":  {edit(func(g *Flow) { g.Transport = TLS }), false},
		"nowhere":            {Flow{}, false},
	} {
		if got := f.Equal(tt.other); got != tt.want || tt.other.Equal(f) != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	if a, b := (Flow{Remote: f.Remote, Listener: 5070}), (Flow{Remote: f.Remote}); a.Equal(b) {
		t.Error("the listener does not count")
	}
	if a, b := (Flow{Life: 1}), (Flow{Life: 2}); !a.Equal(b) {
		t.Error("a life without an owner counts")
	}
	if a, b := ToLocal(3, 5080), ToLocal(4, 5080); a.Equal(b) {
		t.Error("the member beside which an application is does not count")
	}
}

func TestIsValid(t *testing.T) {
	remote := address("192.0.2.1:5060")
	for name, tt := range map[string]struct {
		f    Flow
		want bool
	}{
		"nowhere":              {Flow{}, false},
		"UDP":                  {OverUDP(remote), true},
		"UDP and a connection": {Flow{Remote: remote, Conn: 1, Owner: 1}, false},
		"TCP":                  {Flow{Remote: remote, Conn: 1, Owner: 1, Transport: TCP}, true},
		"TCP, no connection":   {Flow{Remote: remote, Owner: 1, Transport: TCP}, false},
		"connection to nobody": {Flow{Conn: 1, Owner: 1, Transport: WSS}, false},
		"application":          {ToLocal(3, 5080), true},
		"application, nowhere": {ToLocal(0, 5080), false},
		"unknown transport":    {Flow{Remote: remote, Conn: 1, Owner: 1, Transport: Transports}, false},
	} {
		if got := tt.f.IsValid(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestTransports(t *testing.T) {
	for transport, want := range map[Transport]struct {
		name             string
		reliable, secure bool
	}{
		UDP: {"UDP", false, false}, TCP: {"TCP", true, false}, TLS: {"TLS", true, true},
		WS: {"WS", true, false}, WSS: {"WSS", true, true}, Local: {"local", false, false}, Transports: {"unknown", true, false},
	} {
		if transport.String() != want.name || transport.Reliable() != want.reliable || transport.Secure() != want.secure ||
			transport.Known() != (transport < Transports) {
			t.Errorf("%d: %s, reliable %v, secure %v", transport, transport, transport.Reliable(), transport.Secure())
		}
	}
}

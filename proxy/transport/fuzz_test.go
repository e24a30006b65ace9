package transport

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// control is a control message of an error queue: struct cmsghdr and what follows,
// of that length, with struct sock_extended_err in it.
func control(level, kind int32, errno unix.Errno, origin byte, length int) []byte {
	const header = unix.SizeofCmsghdr
	b := make([]byte, header+max((length+7)/8*8, 16))
	binary.NativeEndian.PutUint64(b, uint64(header+length))
	binary.NativeEndian.PutUint32(b[8:], uint32(level))
	binary.NativeEndian.PutUint32(b[12:], uint32(kind))
	binary.NativeEndian.PutUint32(b[header:], uint32(errno))
	b[header+4], b[header+5], b[header+6] = origin, 3, 3
	return b[:header+(length+7)/8*8]
}

var (
	refused4 = control(unix.SOL_IP, unix.IP_RECVERR, unix.ECONNREFUSED, unix.SO_EE_ORIGIN_ICMP, 32)
	refused6 = control(unix.SOL_IPV6, unix.IPV6_RECVERR, unix.ENOPROTOOPT, unix.SO_EE_ORIGIN_ICMP6, 44)
	ttl      = control(unix.SOL_IP, unix.IP_TTL, 64, 0, 4)
)

// refusalIn is isRefusal as slowly and plainly as it can be said.
func refusalIn(b []byte) bool {
	var found *bool
	for len(b) >= unix.SizeofCmsghdr {
		size, level, kind := binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
		if size < unix.SizeofCmsghdr || size > uint64(len(b)) {
			return false // malformed: nothing of it counts
		}
		data := b[unix.SizeofCmsghdr:size]
		if (level == unix.SOL_IP && kind == unix.IP_RECVERR || level == unix.SOL_IPV6 && kind == unix.IPV6_RECVERR) && len(data) >= 16 && found == nil {
			errno, origin := unix.Errno(binary.NativeEndian.Uint32(data)), data[4]
			is := (errno == unix.ECONNREFUSED || errno == unix.ENOPROTOOPT) && (origin == unix.SO_EE_ORIGIN_ICMP || origin == unix.SO_EE_ORIGIN_ICMP6)
			found = &is
		}
		b = b[min(uint64(len(b)), (size+7)/8*8):]
	}
	return found != nil && *found
}

// FuzzRefusal: of all that the kernel may put beside an error only the refusal of a
// port or protocol that came from the network is one.
func FuzzRefusal(f *testing.F) {
	for _, seed := range [][]byte{
		nil,
		{1},
		make([]byte, 64), refused4, refused6, ttl,
		append(bytes.Clone(ttl), refused4...),
		append(bytes.Clone(refused6), ttl[:10]...),
		refused4[:len(refused4)-1],
		control(unix.SOL_IP, unix.IP_RECVERR, unix.ECONNREFUSED, unix.SO_EE_ORIGIN_ICMP, 15),
		control(unix.SOL_IP, unix.IP_RECVERR, unix.ECONNREFUSED, unix.SO_EE_ORIGIN_LOCAL, 32),
		control(unix.SOL_IP, unix.IP_RECVERR, unix.EHOSTUNREACH, unix.SO_EE_ORIGIN_ICMP, 32),
		control(unix.SOL_UDP, unix.IP_RECVERR, unix.ECONNREFUSED, unix.SO_EE_ORIGIN_ICMP, 32),
		append(control(unix.SOL_IP, unix.IP_RECVERR, unix.EMSGSIZE, unix.SO_EE_ORIGIN_LOCAL, 32), refused4...),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		if got, want := isRefusal(b), refusalIn(b); got != want {
			t.Fatalf("% x: %v, want %v", b, got, want)
		}
		if !bytes.Equal(b, before) {
			t.Fatal("what was read has changed")
		}
		unaligned := append([]byte{0}, b...) // the kernel's own is aligned, but nothing says so
		if isRefusal(unaligned[1:]) != isRefusal(b) {
			t.Fatal("it depends on where it lies")
		}
	})
}

// FuzzDestination: where a URI or a Via leads is an address or a name that can be
// asked for, and a response goes nowhere but to an address that the Via holds, or its
// source.
func FuzzDestination(f *testing.F) {
	for _, s := range []string{
		"sip:a@192.0.2.1:5070", "sip:a@PC.example.", "sip:[2001:db8::1];maddr=127.1", "sip:a@b;maddr=[::1]:5", "sip:a@b:0;transport=UDP", "sips:a@b", "tel:1",
		"sip:a@b;maddr=", "sip:a@b;maddr=a%20b", "sip:a@b;maddr=0..", "sip:" + string(bytes.Repeat([]byte("h."), 200)) + "x",
	} {
		f.Add([]byte(s), []byte("SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa;rport"))
	}
	for _, s := range []string{
		"SIP/2.0/UDP a;received=::1;rport=7", "SIP/2.0/UDP [::ffff:192.0.2.1];rport=0", "SIP/2.0/UDP a:0;received=192.0.2.1", "SIP/2.0/TCP 10.1;maddr=224.0.0.1;rport=99999",
	} {
		f.Add([]byte("sip:a"), []byte(s))
	}
	source := flow.Flow{Remote: netip.MustParseAddrPort("198.51.100.1:40000"), Socket: 3}
	f.Fuzz(func(t *testing.T, uri, via []byte) {
		if u, err := wire.ParseURI(uri); err == nil {
			checkDestination(t, &u)
		}
		v, err := wire.ParseVia(via)
		if err != nil {
			return
		}
		to, ok := ResponseDestination(&v)
		if ok && (to.Port() == 0 || !to.Addr().IsValid() || to.Addr().Zone() != "") {
			t.Fatalf("%q leads to %v", via, to)
		}
		back := ResponseFlow(&v, source)
		port := back.Remote.Port()
		back.Remote = netip.AddrPortFrom(back.Remote.Addr(), source.Remote.Port())
		if back != source || port == 0 {
			t.Fatalf("the answer to %q goes to %v, port %d", via, back, port)
		}
	})
}

func checkDestination(t *testing.T, u *wire.URI) {
	t.Helper()
	over, ok := Of(u, flow.Transport.Known)
	if ok && u.Scheme == wire.SchemeSIPS && !over.Secure() {
		t.Fatalf("%+v goes over %v", u, over)
	}
	if !ok {
		return
	}
	to, ok := URIDestination(u, over)
	switch {
	case !ok:
		return
	case to.Transport != over:
		t.Fatalf("%+v goes over %v, not %v", u, to.Transport, over)
	case to.Host == "" && (!to.Addr.IsValid() || to.Addr.Addr().Zone() != ""):
		t.Fatalf("%+v leads to %+v", u, to)
	case to.Host == "":
		return
	}
	if to.Addr.Addr().IsValid() {
		t.Fatalf("%+v has both a name and an address: %+v", u, to)
	}
	if again := wire.CanonicalHost(nil, []byte(to.Host)); string(again) != to.Host && !strings.HasSuffix(to.Host, ".") { // no name: two dots
		t.Fatalf("the name %q is %q when it is asked for again", to.Host, again)
	}
	for _, c := range []byte(to.Host) {
		if c <= ' ' || c == 0x7f {
			t.Fatalf("the name %q", to.Host)
		}
	}
}

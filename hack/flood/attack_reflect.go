package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
)

// kind is one kind of request that a stranger may send to be answered elsewhere.
type kind struct {
	name string
	data func(via netip.AddrPort) []byte
}

// mostGain is how many bytes and datagrams may come for each that was sent.
const mostGain = 2.0

// reflect sends each kind once, without ever answering what comes, and counts what
// comes until the time is over.
func reflect(ctx context.Context, s *site) (outcome, error) {
	if err := enlarge(ctx, s); err != nil {
		return outcome{}, err
	}
	counters := make([]*counter, len(kinds))
	sizes := make([]int, len(kinds))
	for i, k := range kinds {
		c, err := newCounter(s.host(strangerHost))
		if err != nil {
			return outcome{}, err
		}
		b := k.data(c.at)
		counters[i], sizes[i] = c, len(b)
		_, _ = c.conn.WriteToUDPAddrPort(b, s.proxy(i))
	}
	<-ctx.Done()
	out, worst, least := outcome{}, 0.0, ""
	for i, k := range kinds {
		datagrams, size := counters[i].total()
		gain := max(float64(datagrams), float64(size)/float64(sizes[i]))
		if gain > worst {
			worst, least = gain, k.name
		}
		if gain > mostGain {
			out.fault("%s of %d bytes made %d datagrams of %d bytes (x%.1f)", k.name, sizes[i], datagrams, size, float64(size)/float64(sizes[i]))
		}
	}
	out.Note = fmt.Sprintf("%d kinds of request; the best for a stranger is %s: x%.1f", len(kinds), least, worst)
	return out, nil
}

// enlarge registers a user whose record is large.
func enlarge(ctx context.Context, s *site) error {
	u, err := newUA(s.host(attackerHost))
	if err != nil {
		return err
	}
	defer u.conn.Close()
	var contacts []string
	for i := range 10 {
		contacts = append(contacts, fmt.Sprintf("sip:c%d@%s;p=%s", i, u.at, strings.Repeat("z", 600)))
	}
	for range 3 { // as often as a phone would; a proxy may refuse it, and the attack goes on without
		if u.final(ctx, register(u.at, bigUser, contacts...), s.proxy(0), t1) != 0 {
			break
		}
	}
	return nil
}

// bigUser has as large a record as it was let have.
const bigUser = "big"

// short is a request in the fewest bytes. lines are further header lines.
func short(method, uri, to string, lines ...string) func(netip.AddrPort) []byte {
	if to[0] != '<' {
		to = "<" + to + ">"
	}
	return func(via netip.AddrPort) []byte {
		b := fmt.Appendf(nil, "%s %s SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK%s;rport\r\nf:<sip:a@b>;tag=1\r\nt:%s\r\ni:%s\r\nCSeq:1 %s\r\n",
			method, uri, unique(), to, unique(), method)
		for _, l := range lines {
			b = fmt.Appendf(b, "%s\r\n", strings.ReplaceAll(l, "VIA", via.String()))
		}
		return append(b, "\r\n"...)
	}
}

// broken is one with a part replaced.
func broken(from, to string) func(netip.AddrPort) []byte {
	return func(via netip.AddrPort) []byte {
		return []byte(strings.Replace(string(short("INVITE", "sip:x@y", "sip:a@b")(via)), from, to, 1))
	}
}

func raw(b string) func(netip.AddrPort) []byte {
	return func(netip.AddrPort) []byte { return []byte(b) }
}

// Addresses of the kinds.
const (
	own    = "sip:" + domain
	nobody = "sip:nobody@" + domain
	large  = "sip:" + bigUser + "@" + domain
	other  = "sip:x@y"
)

// kinds of request, each in the way that costs a stranger least.
var kinds = []kind{
	{"REGISTER, fetch", short("REGISTER", own, large)},
	{"REGISTER, fetch of nobody", short("REGISTER", own, nobody)},
	{"REGISTER, one contact more", short("REGISTER", own, large, "m:<sip:x@VIA>")},
	{"REGISTER, new", short("REGISTER", own, "sip:new@"+domain, "m:<sip:x@VIA>")},
	{"REGISTER, ten contacts", short("REGISTER", own, "sip:ten@"+domain, "m:"+strings.Repeat("<sip:x@VIA>,", 9)+"<sip:x@VIA>")},
	{"REGISTER, removal", short("REGISTER", own, "sip:none@"+domain, "m:*", "Expires:0")},
	{"REGISTER, too brief", short("REGISTER", own, nobody, "m:<sip:x@VIA>", "Expires:1")},
	{"REGISTER, Require", short("REGISTER", own, nobody, "Require:x")},
	{"REGISTER, Path", short("REGISTER", own, "sip:path@"+domain, "m:<sip:x@VIA>", "Path:<sip:VIA;lr>", "k:path")},
	{"REGISTER, other domain", short("REGISTER", "sip:y", other)},
	{"OPTIONS, proxy", short("OPTIONS", own, other)},
	{"OPTIONS, Max-Forwards 0", short("OPTIONS", other, other, "Max-Forwards:0")},
	{"OPTIONS, nobody", short("OPTIONS", nobody, nobody)},
	{"INVITE, other domain", short("INVITE", other, other)},
	{"INVITE, nobody", short("INVITE", nobody, nobody)},
	{"INVITE, proxy", short("INVITE", own, other)},
	{"INVITE, tel", short("INVITE", "tel:1", other)},
	{"INVITE, sips", short("INVITE", "sips:x@"+domain, other)},
	{"INVITE, Max-Forwards 0", short("INVITE", nobody, other, "Max-Forwards:0")},
	{"INVITE, Proxy-Require", short("INVITE", nobody, other, "Proxy-Require:x")},
	{"INVITE, Route of nobody", short("INVITE", nobody, other, "Route:<sip:y;lr>")},
	{"INVITE, forged token", short("INVITE", nobody, other, "Route:<sip:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@"+domain+";lr>")},
	{"INVITE, many Vias", short("INVITE", nobody, other, "v:"+strings.Repeat("SIP/2.0/UDP b;branch=z9hG4bK2,", 20)+"SIP/2.0/UDP b")},
	{"INVITE, CSeq malformed", broken("CSeq:1", "CSeq:x")},
	{"INVITE, no To", broken("t:", "x:")},
	{"INVITE, version", broken("SIP/2.0\r", "SIP/3.0\r")},
	{"INVITE, Content-Length", broken("\r\n\r\n", "\r\nl:9\r\n\r\n")},
	{"ACK", short("ACK", nobody, "<"+nobody+">;tag=1")},
	{"CANCEL", short("CANCEL", nobody, nobody)},
	{"BYE", short("BYE", nobody, "<"+nobody+">;tag=1")},
	{"MESSAGE, nobody", short("MESSAGE", nobody, nobody)},
	{"SUBSCRIBE, nobody", short("SUBSCRIBE", nobody, nobody, "o:presence")},
	{"unknown method", short("X", nobody, nobody)},
	{"a response", raw("SIP/2.0 200 OK\r\nv:SIP/2.0/UDP a;branch=z9hG4bK1\r\nv:SIP/2.0/UDP b;branch=z9hG4bK2\r\nf:<sip:a@b>;tag=1\r\nt:<sip:a@b>;tag=2\r\ni:1\r\nCSeq:1 INVITE\r\n\r\n")},
	{"keep-alive", raw("\r\n\r\n")},
	{"STUN", raw("\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl")},
}

package stub

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/sipring/sipring/proxy/resolve"
)

// Bounds of what is taken of an answer.
const (
	// MaxRecords is how many records of the type asked for are used.
	MaxRecords = 32
	// MaxAliases is how many names stand between the one asked for and that of the records.
	MaxAliases = 8
)

// types are those of DNS.
var types = [...]uint16{resolve.A: dns.TypeA, resolve.AAAA: dns.TypeAAAA, resolve.SRV: dns.TypeSRV, resolve.NAPTR: dns.TypeNAPTR}

func typeOf(t resolve.Type) uint16 { return types[t] }

// canonical is a name in the form of questions.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// read is what a message answers to a question. What is no answer of the name, an error of
// the server, Failed. Aliases that lead in a circle, or further than anybody needs, lead to
// nothing.
func read(m *dns.Msg, q resolve.Question) resolve.Answer {
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return resolve.Answer{}
	}
	name, ttl := q.Name, ^uint32(0)
	for range MaxAliases + 1 {
		a := resolve.Answer{Status: resolve.Answered, TTL: ttl}
		if take(&a, m.Answer, name, typeOf(q.Type)) {
			return a
		}
		next, until := aliasOf(m.Answer, name)
		if next == "" {
			break
		}
		name, ttl = next, min(ttl, until)
	}
	return resolve.Answer{Status: resolve.None, TTL: min(ttl, negative(m.Ns))}
}

// take adds the records of a name, and reports whether there are any.
func take(a *resolve.Answer, records []dns.RR, name string, kind uint16) bool {
	n := 0
	for _, rr := range records {
		h := rr.Header()
		if h.Rrtype != kind || h.Class != dns.ClassINET || canonical(h.Name) != name || n == MaxRecords || !add(a, rr) {
			continue
		}
		a.TTL = min(a.TTL, h.Ttl)
		n++
	}
	return n > 0
}

// add adds a record, and reports whether it can be used.
func add(a *resolve.Answer, rr dns.RR) bool {
	switch r := rr.(type) {
	case *dns.A:
		return addAddress(a, r.A)
	case *dns.AAAA:
		return addAddress(a, r.AAAA)
	case *dns.SRV:
		target := canonical(r.Target)
		if target != "" && !isName(target) {
			return false
		}
		a.Servers = append(a.Servers, resolve.Server{Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: target})
	case *dns.NAPTR:
		a.Rules = append(a.Rules, resolve.Rule{
			Order: r.Order, Preference: r.Preference, Flags: r.Flags, Service: r.Service, Regexp: r.Regexp, Replace: canonical(r.Replacement),
		})
	default:
		return false
	}
	return true
}

func addAddress(a *resolve.Answer, octets []byte) bool {
	addr, ok := netip.AddrFromSlice(octets)
	if ok {
		a.Addresses = append(a.Addresses, addr.Unmap())
	}
	return ok
}

// aliasOf is what a name is an alias of, "" if it is none, and for how many seconds.
func aliasOf(records []dns.RR, name string) (next string, ttl uint32) {
	for _, rr := range records {
		if c, ok := rr.(*dns.CNAME); ok && c.Hdr.Class == dns.ClassINET && canonical(c.Hdr.Name) == name {
			return canonical(c.Target), c.Hdr.Ttl
		}
	}
	return "", 0
}

// negative is for how many seconds it holds that there is nothing (RFC 2308 5).
func negative(authority []dns.RR) uint32 {
	for _, rr := range authority {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(soa.Hdr.Ttl, soa.Minttl)
		}
	}
	return 0
}

package resolve

import (
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/flow"
)

// MaxHops is at how many addresses a request is tried, one after the other.
const MaxHops = 4

// hostHops is how many of them are of one host, where there are several.
const hostHops = 2

// Hop is one place to try.
type Hop struct {
	// Over is the transport. Of a Name by Addresses it is that of the URI, and so is the
	// port, which is 0 here.
	Over flow.Transport
	Addr netip.AddrPort
}

// Found is what there is for a Name. It is immutable.
type Found struct{ servers []server }

// Empty reports whether there is nothing.
func (f *Found) Empty() bool { return len(f.servers) == 0 }

// AppendHops appends the places to try, the first one first: by the preference of the
// services (RFC 3263 4.1), the priority of the hosts, and among equals by their weights
// (RFC 2782), for which the seed is the chance. A large request goes to what is reached
// over a connection first (RFC 3261 18.1.1). It does not allocate where dst has room for
// MaxHops.
func (f *Found) AppendHops(dst []Hop, seed uint64, large bool) []Hop {
	var places [MaxServers]uint8
	order := f.order(places[:0], seed)
	start, most := len(dst), MaxHops
	if len(order) > 1 {
		most = hostHops
	}
	for _, connected := range [...]bool{true, false} {
		for _, i := range order {
			s := &f.servers[i]
			if large && s.over.Reliable() != connected || !large && !connected {
				continue
			}
			dst = s.appendHops(dst, start, most, seed)
		}
	}
	return dst
}

// appendHops appends addresses of a server, of both families by turns, IPv6 first (RFC
// 6724). Which of several comes first the seed says.
func (s *server) appendHops(dst []Hop, start, most int, seed uint64) []Hop {
	for i := range max(len(s.six), len(s.four)) {
		for _, family := range [...][]netip.Addr{s.six, s.four} {
			if i >= len(family) || most == 0 || len(dst)-start >= MaxHops {
				continue
			}
			a := family[(seed%uint64(len(family))+uint64(i))%uint64(len(family))]
			if h := (Hop{s.over, netip.AddrPortFrom(a, s.port)}); !slices.Contains(dst[start:], h) {
				dst = append(dst, h)
				most--
			}
		}
	}
	return dst
}

// order appends the places of all servers in the order in which they are tried.
func (f *Found) order(dst []uint8, seed uint64) []uint8 {
	for i := range f.servers {
		dst = append(dst, uint8(i))
	}
	for i := 0; i < len(dst); {
		end := i + 1
		for end < len(dst) && f.equals(i, end) {
			end++
		}
		for ; i < end; i++ {
			seed = mix(seed)
			at := i + f.pick(dst[i:end], seed)
			chosen := dst[at]
			copy(dst[i+1:at+1], dst[i:at]) // the order of the rest stays
			dst[i] = chosen
		}
	}
	return dst
}

// equals reports whether two servers are of one service and priority.
func (f *Found) equals(i, j int) bool {
	return f.servers[i].offer == f.servers[j].offer && f.servers[i].priority == f.servers[j].priority
}

// pick chooses among servers as RFC 2782 does: the first one whose running sum of weights
// is at least a number between 0 and the sum of all.
func (f *Found) pick(list []uint8, chance uint64) int {
	sum := uint64(0)
	for _, i := range list {
		sum += uint64(f.servers[i].weight)
	}
	number, running := chance%(sum+1), uint64(0)
	for n, i := range list {
		if running += uint64(f.servers[i].weight); running >= number {
			return n
		}
	}
	return 0
}

// mix is the next number of a sequence (SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

package stub

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/sipring/sipring/proxy/resolve"
)

const (
	// maxFile is how much is read of a file.
	maxFile = 256 << 10
	// fileAge is for how long a file is not looked at again.
	fileAge = 5 * time.Second
	// hostsTTL is for how long what it says holds, in seconds.
	hostsTTL = 30
)

// file is one that is read again when it has changed. A nil file is empty.
type file struct {
	path string

	mu      sync.Mutex
	looked  time.Time
	changed time.Time
	servers []netip.AddrPort
	hosts   map[string][]netip.Addr
}

func newFile(path string) *file { return &file{path: path} }

// look reads the file if it has changed. What was read before stays where it cannot be.
// f.mu is held.
func (f *file) look() {
	now := time.Now()
	if now.Sub(f.looked) < fileAge {
		return
	}
	f.looked = now
	info, err := os.Stat(f.path)
	if err != nil || info.ModTime().Equal(f.changed) {
		return
	}
	in, err := os.Open(f.path)
	if err != nil {
		return
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFile))
	if err != nil {
		return
	}
	f.changed, f.servers, f.hosts = info.ModTime(), parseServers(text), parseHosts(text)
}

func (f *file) asServers() []netip.AddrPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.look(); len(f.servers) == 0 {
		return itself
	}
	return f.servers
}

// itself is whom resolv.conf(5) has asked where none is named.
var itself = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 53)}

// asHosts is read only.
func (f *file) asHosts() map[string][]netip.Addr {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	return f.hosts
}

// parseServers reads a resolv.conf: the first servers that it names.
func parseServers(text []byte) (servers []netip.AddrPort) {
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	for _, s := range conf.Servers {
		if a, err := netip.ParseAddr(s); err == nil && len(servers) < maxServers {
			servers = append(servers, netip.AddrPortFrom(a, 53))
		}
	}
	return servers
}

// parseHosts reads a file of hosts (hosts(5)).
func parseHosts(text []byte) map[string][]netip.Addr {
	hosts := map[string][]netip.Addr{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name = canonical(name)
			hosts[name] = append(hosts[name], a.WithZone("").Unmap())
		}
	}
	return hosts
}

// hostAnswer is what a file of hosts answers: addresses, and that there is nothing else.
func hostAnswer(list []netip.Addr, t resolve.Type) resolve.Answer {
	a := resolve.Answer{Status: resolve.None, TTL: hostsTTL}
	for _, addr := range list {
		if t == resolve.A && addr.Is4() || t == resolve.AAAA && addr.Is6() {
			a.Addresses, a.Status = append(a.Addresses, addr), resolve.Answered
		}
	}
	return a
}

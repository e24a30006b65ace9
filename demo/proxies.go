package demo

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/peer"
)

// Proxies are the demo's processes for those who bring phones of their own:
// `sipring proxy --config --members --keys`, one each at a loopback address, that
// share the address that phones use; what plays the operator for them; and a
// supervisor that starts again what dies. Close is called last, the other
// methods concurrently.
type Proxies struct {
	network *fleet.Network
	cluster *cluster
}

// Guests are who may register and call.
type Guests struct {
	// Phones is how many of phones.User there are.
	Phones int
	// Users are further ones, such as softphones.
	Users []string
	// Algorithms that the proxies offer. Default: theirs.
	Algorithms []string
	// MinExpires is the least number of seconds that they may register for. Default: the
	// proxies' own.
	MinExpires int
	// Connected: there are listeners of TCP, TLS and WSS too.
	Connected bool
}

// StartProxies starts n processes of binary in the first free network and
// returns when all are in the ring. Guests alone are let in. What happens is written to
// log, a line each.
func StartProxies(ctx context.Context, binary string, n int, guests Guests, log io.Writer) (*Proxies, error) {
	network, err := fleet.Claim("", n)
	if err != nil {
		return nil, err
	}
	o := &options{binary: binary, proxies: n, guests: guests, logLevel: "info"}
	if guests.Connected {
		o.over = everyTransport()
	}
	c, err := startCluster(ctx, o, network, newTimeline(log))
	if err != nil {
		network.Release()
		return nil, err
	}
	return &Proxies{network: network, cluster: c}, nil
}

// Close ends all processes, frees the network and removes all files.
func (p *Proxies) Close() {
	p.cluster.close()
	p.network.Release()
}

// Address is where phones send: all proxies have it.
func (p *Proxies) Address() netip.AddrPort { return p.network.Cluster() }

// Entry is where phones of a transport send, or connect, where guests are Connected.
func (p *Proxies) Entry(t flow.Transport) netip.AddrPort { return p.network.Entry(t) }

// Passwords are those of the guests.
func (p *Proxies) Passwords() fleet.Passwords { return p.cluster.passwords }

// Host is the network's address with that last byte. 200 and up are for phones.
func (p *Proxies) Host(last byte) netip.Addr { return p.network.Host(last) }

// Names are the proxies', in order.
func (p *Proxies) Names() (names []string) {
	for _, x := range p.cluster.processes {
		names = append(names, x.Name)
	}
	return names
}

// Admin is the base URL of that proxy's admin port; empty for one there is not.
func (p *Proxies) Admin(name string) string {
	x, err := p.named(name)
	if err != nil {
		return ""
	}
	return x.Admin
}

// Set is the member set in force; nil before there is one.
func (p *Proxies) Set() *config.MemberSet { return p.cluster.operator.Current() }

// Kill sends SIGKILL to that proxy and returns when.
func (p *Proxies) Kill(name string) (time.Time, error) {
	x, err := p.named(name)
	if err != nil {
		return time.Time{}, err
	}
	return x.Kill()
}

// Events are that proxy's.
func (p *Proxies) Events(ctx context.Context, name string) ([]peer.Event, error) {
	x, err := p.named(name)
	if err != nil {
		return nil, err
	}
	return x.Events(ctx)
}

// Whole returns nil once all run, say that they are ready, and have all in their
// ring; an error after half a minute, or when one ended that nobody killed.
func (p *Proxies) Whole(ctx context.Context) error {
	return p.cluster.waitRing(ctx, len(p.cluster.processes))
}

// SaveLogs copies what the proxies wrote to the folder, which it makes.
func (p *Proxies) SaveLogs(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	for _, x := range p.cluster.processes {
		name := x.Name + ".log"
		text, err := os.ReadFile(filepath.Join(p.cluster.dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil { //nolint:gosec // the folder is the caller's
			return err
		}
	}
	return nil
}

func (p *Proxies) named(name string) (*fleet.Process, error) {
	for _, x := range p.cluster.processes {
		if x.Name == name {
			return x, nil
		}
	}
	return nil, fmt.Errorf("no proxy %q", name)
}

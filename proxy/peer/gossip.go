package peer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/sipring/sipring/proxy/config"
)

// gossip watches every member through others as well as directly (SWIM,
// hashicorp/memberlist). It never decides alone: a member that it loses has
// its stream judged more strictly, one that it sees is dialled at once. The
// stream is what says up or down.
type gossip struct {
	list *memberlist.Memberlist
	port int

	mu    sync.Mutex
	alive map[uint32]string // addresses; a copy, as memberlist's own nodes change while one reads them
}

// joinInterval is how often members that gossip does not know are invited.
const joinInterval = time.Second

// startGossip binds address:port. seen and lost are called from memberlist's
// goroutines and must not block.
func startGossip(cfg *Config, seen, lost func(id uint32)) (*gossip, error) {
	c := memberlist.DefaultLANConfig()
	c.Name = strconv.FormatUint(uint64(cfg.ID), 10)
	c.Label = cfg.Cluster
	c.BindAddr, c.AdvertiseAddr = cfg.Address, cfg.Address
	c.BindPort, c.AdvertisePort = cfg.Ports.Gossip, cfg.Ports.Gossip
	c.ProbeInterval, c.ProbeTimeout = 300*time.Millisecond, 150*time.Millisecond
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = 2, 2
	c.GossipInterval, c.GossipNodes = 200*time.Millisecond, 3
	c.GossipToTheDeadTime = 10 * time.Second
	c.TCPTimeout = time.Second
	c.DeadNodeReclaimTime = time.Millisecond // a pod comes back with another address
	c.LogOutput = nil
	c.Logger = slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)
	g := &gossip{port: cfg.Ports.Gossip, alive: map[uint32]string{}}
	c.Events = gossipEvents{g, seen, lost}
	ring, err := gossipKeys(cfg.Keys)
	if err != nil {
		return nil, err
	}
	c.Keyring = ring
	if g.list, err = memberlist.Create(c); err != nil {
		return nil, fmt.Errorf("ports.gossip: start gossip on %s:%d: %w", cfg.Address, c.BindPort, err)
	}
	return g, nil
}

func gossipKeys(keys *config.Keys) (*memberlist.Keyring, error) {
	all := make([][]byte, 0, len(keys.Keys))
	for _, k := range keys.Keys {
		all = append(all, k.Derive(config.PurposeGossip))
	}
	ring, err := memberlist.NewKeyring(all, all[0])
	if err != nil {
		return nil, fmt.Errorf("gossip keys: %w", err)
	}
	return ring, nil
}

// run invites the members that gossip does not know yet, until the context ends.
func (g *gossip) run(ctx context.Context, members func() []config.Member) {
	t := time.NewTicker(joinInterval)
	defer t.Stop()
	for {
		known := g.members()
		for _, m := range members() {
			if ctx.Err() == nil && known[m.ID] == "" {
				_, _ = g.list.Join([]string{net.JoinHostPort(m.Address, strconv.Itoa(g.port))}) // tried again next time
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			_ = g.list.Shutdown()
			return
		}
	}
}

// members that are taken to be alive, with their addresses; this one included.
func (g *gossip) members() map[uint32]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.alive)
}

// gossipEvents turns memberlist's names back into member IDs. Its methods are
// called one at a time, while memberlist lets nothing change the node.
type gossipEvents struct {
	*gossip
	seen, lost func(id uint32)
}

func (e gossipEvents) NotifyJoin(n *memberlist.Node)   { e.note(n, n.Addr.String(), e.seen) }
func (e gossipEvents) NotifyUpdate(n *memberlist.Node) { e.note(n, n.Addr.String(), e.seen) }
func (e gossipEvents) NotifyLeave(n *memberlist.Node)  { e.note(n, "", e.lost) }

func (e gossipEvents) note(n *memberlist.Node, address string, tell func(uint32)) {
	parsed, err := strconv.ParseUint(n.Name, 10, 32)
	if err != nil {
		return
	}
	id := uint32(parsed)
	e.mu.Lock()
	if address == "" {
		delete(e.alive, id)
	} else {
		e.alive[id] = address
	}
	e.mu.Unlock()
	tell(id)
}

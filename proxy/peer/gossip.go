package peer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
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
	c.Events = gossipEvents{seen: seen, lost: lost}
	ring, err := gossipKeys(cfg.Keys)
	if err != nil {
		return nil, err
	}
	c.Keyring = ring
	list, err := memberlist.Create(c)
	if err != nil {
		return nil, fmt.Errorf("start gossip on %s:%d: %w", cfg.Address, c.BindPort, err)
	}
	return &gossip{list: list, port: cfg.Ports.Gossip}, nil
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
		known := map[string]bool{}
		for _, m := range g.list.Members() {
			known[m.Name] = true
		}
		for _, m := range members() {
			if ctx.Err() == nil && !known[strconv.FormatUint(uint64(m.ID), 10)] {
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

// gossipEvents turns memberlist's names back into member IDs.
type gossipEvents struct{ seen, lost func(id uint32) }

func (e gossipEvents) NotifyJoin(n *memberlist.Node)   { call(e.seen, n) }
func (e gossipEvents) NotifyUpdate(n *memberlist.Node) { call(e.seen, n) }
func (e gossipEvents) NotifyLeave(n *memberlist.Node)  { call(e.lost, n) }

func call(f func(uint32), n *memberlist.Node) {
	if id, err := strconv.ParseUint(n.Name, 10, 32); err == nil {
		f(uint32(id))
	}
}

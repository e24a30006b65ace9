package peer

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
)

// patient is how long a test waits for what must happen.
const patient = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		runChild()
		return
	}
	goleak.VerifyTestMain(m)
}

// until waits for a condition that something else makes true.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// often is the interval of pings in a small cluster.
func often() time.Duration { return heartbeat }

// trial is a cluster on loopback addresses of its own.
type trial struct {
	t       testing.TB
	prefix  string
	ports   config.Ports
	keys    *config.Keys
	signer  *config.Keys // of sets; nil: nobody signs
	set     *config.MemberSet
	nodes   map[uint32]*Node
	inboxes map[uint32]*inbox
	log     *slog.Logger
	network *network // nil: there is nothing between them
}

var trials atomic.Uint32

// newTrial publishes a set of the members 1..n, all active. No node runs yet.
func newTrial(t testing.TB, n int) *trial {
	t.Helper()
	c := &trial{
		t: t, keys: config.NewKeys(), nodes: map[uint32]*Node{}, inboxes: map[uint32]*inbox{},
		prefix: fmt.Sprintf("127.%d.%d.", 100+os.Getpid()%100, trials.Add(1)%256),
		set:    &config.MemberSet{Epoch: 1, Ring: config.Ring{Partitions: 64, Replicas: 2}},
	}
	if testing.Verbose() {
		c.log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	for id := range uint32(n) {
		c.set.Members = append(c.set.Members, c.member(id+1))
	}
	c.ports = config.Ports{Peer: freePort(t, c.set.Members)}
	t.Cleanup(func() {
		for _, node := range c.nodes {
			node.Close()
		}
	})
	return c
}

func (c *trial) member(id uint32) config.Member {
	return config.Member{ID: id, Name: fmt.Sprintf("ring-%d", id-1), Address: fmt.Sprintf("%s%d", c.prefix, id), State: config.Active}
}

// freePort is a port below the ephemeral ones that nobody has on any of the addresses.
func freePort(t testing.TB, members []config.Member) int {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(20000)
		free := true
		for _, m := range members {
			l, err := net.Listen("tcp", net.JoinHostPort(m.Address, fmt.Sprint(port)))
			if free = free && err == nil; err == nil {
				_ = l.Close()
			}
		}
		if free {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func (c *trial) config(id uint32) Config {
	m := c.member(id)
	in := &inbox{}
	c.inboxes[id] = in
	var log *slog.Logger
	if c.log != nil {
		log = c.log.With("node", id)
	}
	var wire func(net.Conn) net.Conn
	if c.network != nil {
		wire = c.network.wire
	}
	return Config{
		wire:    wire,
		Cluster: "ring", ID: id, Name: m.Name, Address: m.Address, Ports: c.ports, Keys: c.keys,
		Limits: location.Limits{MaxContacts: 10}, Handler: in, Log: log,
		Trust: func() *config.Trust {
			if c.signer == nil {
				return nil
			}
			return c.signer.Trust("ring")
		},
	}
}

// signed is the set as whoever publishes sets signs it.
func (c *trial) signed(set *config.MemberSet) *config.MemberSet {
	if c.signer == nil {
		return set
	}
	signed, err := c.signer.Sign("ring", set)
	if err != nil {
		c.t.Fatal(err)
	}
	return signed
}

// start starts the member and gives it the set.
func (c *trial) start(id uint32) *Node {
	c.t.Helper()
	return c.startWith(c.config(id))
}

func (c *trial) startWith(cfg Config) *Node {
	c.t.Helper()
	n, err := Start(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[cfg.ID] = n
	n.SetMembers(c.set)
	return n
}

// startAll starts every member of the set and waits until all see all in the ring.
func (c *trial) startAll() {
	c.t.Helper()
	for _, m := range c.set.Members {
		c.start(m.ID)
	}
	c.settled()
}

// settled waits until every running node has every running node, and no other,
// in its ring, and holds what it owns.
func (c *trial) settled() {
	c.t.Helper()
	for id, n := range c.nodes {
		until(c.t, fmt.Sprintf("member %d has %d members in the ring and is synced", id, len(c.nodes)), func() bool {
			v := n.View()
			if v == nil || !v.Synced || len(v.Ring.Members()) != len(c.nodes) || len(v.Next.Members()) != len(c.nodes) {
				return false
			}
			for other := range c.nodes {
				if m, ok := v.Member(other); !ok || m.Liveness != cluster.Up || !m.Synced {
					return false
				}
			}
			return true
		})
	}
}

// publish gives the running nodes a changed set.
func (c *trial) publish(change func(*config.MemberSet), to ...uint32) {
	c.t.Helper()
	next := *c.set
	next.Members = append([]config.Member(nil), c.set.Members...)
	next.Epoch++
	change(&next)
	c.set = c.signed(&next)
	for _, id := range to {
		c.nodes[id].SetMembers(c.set)
	}
}

// suspectsOf are the names of the members that are down as the node sees it.
func suspectsOf(n *Node) []string { return names(n.View(), unreached(n.View())) }

// counted is what a counter has counted.
func counted(t testing.TB, c prometheus.Counter) int {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return int(families[0].Metric[0].Counter.GetValue())
}

// accusations is how often peers took the process for dead.
func accusations(n *Node) uint64 {
	n.membership.mu.Lock()
	defer n.membership.mu.Unlock()
	return n.membership.machine.Accused()
}

// kill ends a node as its process' death would: sockets close, nothing is said.
func (c *trial) kill(id uint32) {
	n := c.nodes[id]
	delete(c.nodes, id)
	n.Close()
}

// register binds one contact; the result is the status.
func (c *trial) register(via uint32, aor, contact string, cseq uint32) int {
	c.t.Helper()
	done := make(chan int, 1)
	c.nodes[via].Register(registerOp(aor, contact, cseq, func(op *cluster.RegisterOp) { done <- op.Status }))
	select {
	case status := <-done:
		return status
	case <-time.After(patient):
		c.t.Fatalf("register of %s at member %d did not end", aor, via)
		return 0
	}
}

// lookup returns the contacts bound to the AOR.
func (c *trial) lookup(via uint32, aor string) (result cluster.LookupResult, contacts []string) {
	c.t.Helper()
	done := make(chan struct{})
	c.nodes[via].Lookup(lookupOp(aor, func(r cluster.LookupResult, found []string) {
		result, contacts = r, found
		close(done)
	}))
	select {
	case <-done:
	case <-time.After(patient):
		c.t.Fatalf("lookup of %s at member %d did not end", aor, via)
	}
	return result, contacts
}

func registerOp(aor, contact string, cseq uint32, done func(*cluster.RegisterOp)) *cluster.RegisterOp {
	return &cluster.RegisterOp{
		Update: location.Update{
			AOR: []byte(aor), CallID: []byte("call-" + aor), CSeq: cseq,
			Contacts: []location.ContactUpdate{{URI: []byte(contact), Q: 1000, Expires: 3600}},
		},
		Done: done,
	}
}

func lookupOp(aor string, done func(cluster.LookupResult, []string)) *cluster.LookupOp {
	return &cluster.LookupOp{AOR: []byte(aor), Done: func(op *cluster.LookupOp) {
		var contacts []string
		for b := range op.Record.Live(op.Now) {
			contacts = append(contacts, string(b.Contact))
		}
		done(op.Result, contacts)
	}}
}

// wantBound checks that every running member finds exactly the contact.
func (c *trial) wantBound(aor, contact string) {
	c.t.Helper()
	for id := range c.nodes {
		result, contacts := c.lookup(id, aor)
		if result != cluster.Found || len(contacts) != 1 || contacts[0] != contact {
			c.t.Errorf("member %d finds %v %q for %s, want %q", id, result, contacts, aor, contact)
		}
	}
}

// inbox keeps what HandleFrame is given.
type inbox struct {
	mu       sync.Mutex
	frames   []received
	replaced []flow.Flow
}

type received struct {
	from    uint32
	kind    uint8
	payload string
}

func (i *inbox) HandleFrame(from uint32, kind uint8, payload []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.frames = append(i.frames, received{from, kind, string(bytes.Clone(payload))})
}

func (*inbox) HandleAway([]cluster.Away) {}

func (i *inbox) HandleReplaced(f flow.Flow) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.replaced = append(i.replaced, f)
}

func (i *inbox) all() []received {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]received(nil), i.frames...)
}

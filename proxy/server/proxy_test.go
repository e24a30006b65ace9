package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// proxy is a running server whose cluster is a memory that servers of a test
// may share.
type proxy struct {
	*Server
	addr netip.AddrPort
	mem  *memory
	node *node
}

type proxyOptions struct {
	config config.Config
	timers transaction.Timers
	self   uint32
	mem    *memory
	keys   *token.Keys
	listen string
	second string // empty: none
	shared bool   // by other proxies
	set    *config.MemberSet
	lookup transport.Lookup
	names  transport.Asker // the name servers, where lookup is nil
	checks routing.Checks
	// cluster stands before the node, if it is given.
	cluster func(*node) Cluster
	wait    time.Duration // Config.Wait
	tls     map[string]*tls.Config
	verify  func(name string, s tls.ConnectionState) error

	application *application.Local
	loopback    netip.Addr
}

func testKeys(t testing.TB) *token.Keys {
	t.Helper()
	k, err := token.NewKeys([]token.Key{{ID: 1, Secret: [32]byte{1, 2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func startProxy(t testing.TB, options ...func(*proxyOptions)) *proxy {
	t.Helper()
	o := proxyOptions{
		config: config.Config{Cluster: "test", Domains: []string{"example.com"}, UDPLoops: 2},
		self:   1, mem: newMemory(), listen: "127.0.0.1:0", keys: testKeys(t),
		timers: transaction.Timers{T1: 4 * time.Second}, // nothing is repeated on a busy machine, but where a test asks for it
	}
	o.config.ApplyDefaults()
	for _, f := range options {
		f(&o)
	}
	if o.lookup != nil {
		o.names = o.lookup
	}
	var second netip.AddrPort
	if o.second != "" {
		second = netip.MustParseAddrPort(o.second)
	}
	s, err := New(Config{Proxy: &o.config, Self: o.self, Address: netip.MustParseAddrPort(o.listen), Second: second, Shared: o.shared, Keys: o.keys, Timers: o.timers, Names: o.names, Checks: o.checks, Wait: o.wait, TLS: o.tls, VerifyServer: o.verify, Application: o.application, Loopback: o.loopback})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	node := &node{mem: o.mem, id: o.self, life: serial.Add(1), set: o.set}
	o.mem.join(o.self, s)
	if o.cluster != nil {
		s.Serve(o.cluster(node))
	} else {
		s.Serve(node)
	}
	return &proxy{Server: s, addr: s.Address(), mem: o.mem, node: node}
}

// memory stands in for the cluster: one place that holds all bindings.
type memory struct {
	mu      sync.Mutex
	records map[string]location.Record
	servers map[uint32]*Server
	down    bool
	unknown string   // the address-of-record whose bindings nobody can tell
	held    []func() // with hold: operations wait here
	hold    bool
	frames  int
	// unreached is a member whose streams are broken, of which nobody has concluded that
	// it is dead; 0 is none.
	unreached uint32
	queues    map[[2]uint32][]sent // from and to: what is on its way, in order
	asked     int                  // for whose a contact is
	// crashed are members of the set that are not up, with what is known of them.
	crashed map[uint32]cluster.MemberView
}

// crash has a member that leaves be one of the set still, of which that is known.
func (m *memory) crash(id uint32, known cluster.MemberView) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed == nil {
		m.crashed = map[uint32]cluster.MemberView{}
	}
	known.ID, known.Liveness = id, cluster.Down
	m.crashed[id] = known
	delete(m.servers, id)
}

// breakStreams has nobody reach a member; 0: all are reached.
func (m *memory) breakStreams(to uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unreached = to
}

func newMemory() *memory {
	return &memory{records: map[string]location.Record{}, servers: map[uint32]*Server{}, queues: map[[2]uint32][]sent{}}
}

func (m *memory) join(id uint32, s *Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.servers[id] = s
}

func (m *memory) leave(id uint32) {
	m.mu.Lock()
	delete(m.servers, id)
	m.mu.Unlock()
	m.lookOut()
}

// lookOut is what the homes of bindings do when a member has gone: one that lives hears of
// the UDP flows that it owned.
func (m *memory) lookOut() {
	m.mu.Lock()
	var home *Server
	for _, s := range m.servers {
		if home == nil || s.self < home.self {
			home = s
		}
	}
	var gone []cluster.Away
	for _, r := range m.records {
		r.Owned(time.Now().UnixMilli(), func(f flow.Flow) {
			if s := m.servers[f.Owner]; s == nil || s.life != f.Life {
				gone = append(gone, cluster.Away{Flow: f, AOR: bytes.Clone(r.AOR())})
			}
		})
	}
	m.mu.Unlock()
	if home != nil && len(gone) > 0 {
		home.HandleAway(gone)
	}
}

// node is one member's access to the memory; it implements Cluster.
type node struct {
	mem  *memory
	id   uint32
	life uint64
	set  *config.MemberSet
	gone bool          // for whoever publishes the set
	view *cluster.View // the last one
}

func (n *node) Incarnation() uint64 { return n.life }

// publish has the set in force from now on.
func (n *node) publish(set *config.MemberSet) {
	n.mem.mu.Lock()
	defer n.mem.mu.Unlock()
	n.set = set
}

func (n *node) View() *cluster.View {
	n.mem.mu.Lock()
	defer n.mem.mu.Unlock()
	v := &cluster.View{Set: n.set, Superseded: n.gone}
	for id := uint32(1); id < 10; id++ {
		if s := n.mem.servers[id]; s != nil && s.serving.Load() {
			v.Members = append(v.Members, cluster.MemberView{
				Member: config.Member{ID: id}, Liveness: cluster.Up, Incarnation: s.cluster.Incarnation(),
			})
		} else if d, ok := n.mem.crashed[id]; ok {
			v.Members = append(v.Members, d)
		}
	}
	if old := n.view; old != nil && old.Set == v.Set && old.Superseded == v.Superseded && reflect.DeepEqual(old.Members, v.Members) {
		return old // a view is another one when something has changed
	}
	n.view = v
	return v
}

func (n *node) Register(op *cluster.RegisterOp) {
	m := n.mem
	m.mu.Lock()
	now := time.Now().UnixMilli()
	if m.down {
		op.Status = location.StatusUnavailable
	} else {
		s := location.NewStore(1)
		s.Merge(0, 0, m.records[string(op.Update.AOR)])
		result := s.Apply(now, 0, 0, &op.Update, location.Limits{MaxContacts: 10}, uint64(now), n.id)
		op.Status, op.Now = result.Status, now
		for _, f := range result.Replaced {
			defer m.servers[n.id].HandleReplaced(f)
		}
		op.Record, _ = s.Get(0, op.Update.AOR).CopyTo(nil)
		m.records[string(op.Update.AOR)], _ = op.Record.CopyTo(nil)
	}
	m.finish(func() { op.Done(op) })
}

func (n *node) Lookup(op *cluster.LookupOp) {
	m := n.mem
	m.mu.Lock()
	op.Now, op.Result = time.Now().UnixMilli(), cluster.NotFound
	r, ok := m.records[string(op.AOR)]
	switch {
	case m.down || string(op.AOR) == m.unknown:
		op.Result = cluster.Unavailable
	case ok && r.LiveCount(op.Now) > 0:
		op.Result = cluster.Found
	}
	op.Record, _ = r.CopyTo(nil)
	m.finish(func() { op.Done(op) })
}

func (n *node) Locate(op *cluster.LocateOp) {
	m := n.mem
	m.mu.Lock()
	m.asked++
	op.Result = cluster.NotFound
	if m.down {
		op.Result = cluster.Unavailable
	}
	for aor, r := range m.records {
		for b := range r.Live(time.Now().UnixMilli()) {
			if !m.down && wire.EqualURI(wire.WithoutHeaders(b.Contact), op.URI) {
				op.Result, op.AOR = cluster.Found, append(op.AOR[:0], aor...)
			}
		}
	}
	m.finish(func() { op.Done(op) })
}

// finish tells of an operation, now or when it is let go.
func (m *memory) finish(done func()) {
	if m.hold {
		m.held = append(m.held, done)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	done()
}

// waiting returns once so many operations wait for resume.
func (m *memory) waiting(t *testing.T, want int) {
	t.Helper()
	held := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.held)
	}
	for end := time.Now().Add(patience); held() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d operations wait, want %d", held(), want)
		}
	}
}

// pause makes operations wait until the function returned is called.
func (m *memory) pause() (resume func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = true
	return func() {
		m.mu.Lock()
		held := m.held
		m.hold, m.held = false, nil
		m.mu.Unlock()
		for _, done := range held {
			done()
		}
	}
}

// sent is a frame on its way.
type sent struct {
	to      *Server
	kind    uint8
	payload []byte
}

func (n *node) Send(to uint32, kind uint8, payload []byte) error {
	m, way := n.mem, [2]uint32{n.id, to}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.servers[to]
	m.frames++
	if s == nil || m.unreached == to {
		return errGone
	}
	m.queues[way] = append(m.queues[way], sent{s, kind, bytes.Clone(payload)})
	if len(m.queues[way]) == 1 {
		go m.carry(way)
	}
	return nil
}

// carry brings what is on a way, one after the other, until nothing is.
func (m *memory) carry(way [2]uint32) {
	for {
		m.mu.Lock()
		f := m.queues[way][0]
		m.mu.Unlock()
		f.to.HandleFrame(way[0], f.kind, f.payload)
		m.mu.Lock()
		m.queues[way] = m.queues[way][1:]
		left := len(m.queues[way])
		m.mu.Unlock()
		if left == 0 {
			return
		}
	}
}

var errGone = errors.New("gone")

func resolveTo(address string) transport.Lookup {
	return func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr(address)}, nil
	}
}

func serialPID() int { return os.Getpid() }

// pin has the calls of a user go to the application of a member.
func (m *memory) pin(t testing.TB, uri string, member, seconds uint32) {
	t.Helper()
	u := (&application.PinUpdate{}).Update([]byte(uri), member, 1, 1, seconds)
	op := &cluster.RegisterOp{Update: u, Done: func(*cluster.RegisterOp) {}}
	(&node{mem: m, id: member}).Register(op)
	if op.Status != location.StatusOK {
		t.Fatalf("pinned: %v", op.Status)
	}
}

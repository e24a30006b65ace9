package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/resolve/stub"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// Cluster is what the server needs of the other members. peer.Node is one.
type Cluster interface {
	// Register, Lookup and Locate start an operation; its Done is called once, on
	// any goroutine, also before the call returns.
	Register(*cluster.RegisterOp)
	Lookup(*cluster.LookupOp)
	Locate(*cluster.LocateOp)
	// Send hands a frame to another member.
	Send(to uint32, kind uint8, payload []byte) error
	// View is the current view of the cluster, nil before there is one.
	View() *cluster.View
	// Incarnation is the number of this process's life.
	Incarnation() uint64
}

// Config of a Server.
type Config struct {
	// Proxy is the cluster's configuration.
	Proxy *config.Config
	// Self is this member's ID.
	Self uint32
	// Address to listen on for SIP, at its port for the first listener and at its own
	// port for each of the others; Shared if other processes may listen there too, as where
	// all members receive and send at one address.
	Address netip.AddrPort
	Shared  bool
	// Second is an address of the other family to listen on as well; the zero
	// value is none.
	Second netip.AddrPort
	// TLS is what listeners of TLS and WSS prove themselves by, by their names.
	TLS map[string]*tls.Config
	// VerifyServer says whom connections that are opened over TLS may be to, as
	// transport.ListenConfig.Verify. Nil: as crypto/tls has it.
	VerifyServer func(name string, s tls.ConnectionState) error
	// Keys sign tokens and branches.
	Keys *token.Keys
	Log  *slog.Logger
	// Timers of transactions; zero values are RFC 3261's, and Ring is the
	// configuration's.
	Timers transaction.Timers
	// Wait is for how long an INVITE waits for a phone whose connection is over. Default
	// 8 s.
	Wait time.Duration
	// Names asks DNS; nil: the name servers of the host.
	Names transport.Asker
	// Application is the one beside this proxy, with what is known of the others', where Proxy
	// has them (LocalApp).
	Application *application.Local
	// Loopback is the pod's, at which the application is. Default 127.0.0.1; members of one
	// host have each their own.
	Loopback netip.Addr
	// Checks are asked of requests beside the policies of routing.
	Checks routing.Checks
}

// tick is how often transaction timers are looked at while a transaction is
// held: the table counts in 20 ms. While none is, nothing is: waking up is most
// of what an idle proxy costs.
const tick = 20 * time.Millisecond

// Server is the data path of one proxy. Its methods may be called concurrently.
type Server struct {
	config     atomic.Pointer[config.Config]
	self       uint32
	life       uint32 // of this process, as it stands in our Vias
	keys       *token.Keys
	checks     routing.Checks
	log        *slog.Logger
	sizes      wire.Limits
	layer      *transport.Stack
	resolver   *transport.Resolver
	refusers   *refusers
	table      *transaction.Table
	cluster    Cluster
	metrics    *Metrics
	debugLines limiter
	roomLines  limiter
	limits     limits
	apps       *applications // nil: there are none
	facts      *facts
	requests   sync.Pool
	frames     sync.Pool // of messages for other members' connections
	// registrants are those of the connections of this process.
	registrants *registrants
	// inviteWait and otherWait are for how long requests wait for a phone.
	inviteWait, otherWait time.Duration
	silent                silent
	clock                 clock
	unacked               unacked
	traces                traces
	wanted                wanted
	deaths                deaths
	awaited               awaited
	waiting               waiting
	lost                  lost
	// owned, away, taken and claims are the UDP flows that lead through NATs: see source.go.
	owned     owned
	away      away
	purged    int64 // when away was last, in milliseconds; only the timers touch it
	taken     taken
	claims    claims
	shared    bool // members send from one address
	first     firstListener
	snap      atomic.Pointer[snapshot]
	following sync.Mutex // held while a snapshot is made

	serving atomic.Bool
	ticking sync.WaitGroup
	begun   chan struct{} // capacity 1: there are transactions again
	stop    chan struct{}
}

// New binds the sockets. Nothing is handled until Serve.
func New(c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	var s *Server // by the time that a connection comes in
	layer, err := listen(&c, func(source netip.Addr) bool { return s.snap.Load().trusts(source) })
	if err != nil {
		return nil, err
	}
	if c.Names == nil {
		c.Names = stub.New(stub.ResolvConf, stub.Hosts)
	}
	s = &Server{
		self: c.Self, checks: c.Checks,
		keys: c.Keys, log: c.Log, sizes: wire.DefaultLimits(), layer: layer,
		resolver: transport.NewResolver(c.Names, canSend(layer), time.Now),
		refusers: newRefusers(),
		metrics:  newMetrics(), debugLines: limiter{perSecond: maxDebugLines}, roomLines: limiter{perSecond: maxRoomLines},
		limits: newLimits(&c.Proxy.Limits, cores(c.Proxy)), facts: newFacts(), registrants: newRegistrants(),
		inviteWait: cmp.Or(c.Wait, inviteWait), otherWait: 60 * cmp.Or(c.Timers.T1, 500*time.Millisecond),
		shared: c.Shared, first: newFirstListener(c.Proxy),
		clock: clock{began: time.Now()}, stop: make(chan struct{}), begun: make(chan struct{}, 1),
	}
	s.traces.layer, s.traces.sizes, s.traces.snap = layer, &s.sizes, &s.snap
	s.apps = newApplications(&c)
	s.config.Store(c.Proxy)
	if l := c.Proxy.LocalApp; l != nil {
		c.Timers.Last = time.Duration(l.NoAnswerSeconds) * time.Second
	}
	if c.Timers.Ring == 0 {
		c.Timers.Ring = time.Duration(c.Proxy.MaxRingSeconds) * time.Second
	}
	s.table = s.newTable(c.Timers, c.Proxy.MaxTransactions)
	s.metrics.look(s)
	snap, err := s.newSnapshot(nil)
	if err != nil {
		return nil, errors.Join(err, layer.Close())
	}
	s.snap.Store(snap)
	return s, nil
}

// Serve begins to handle messages, with the other members reached through c. It
// is called once.
func (s *Server) Serve(c Cluster) {
	s.cluster, s.life = c, shortIncarnation(c.Incarnation())
	s.serving.Store(true)
	s.ticking.Go(s.runTimers)
	s.layer.Serve(s, transport.Holder{Owner: s.self, Life: s.life})
}

// current is the snapshot of the member set and configuration in force. What no
// message met yet is taken up here.
func (s *Server) current() *snapshot {
	snap := s.snap.Load()
	if v := s.cluster.View(); v != nil && v.Set != snap.set || s.config.Load() != snap.config {
		return s.follow()
	}
	return snap
}

// Reconfigure takes another configuration with the next message: domains,
// advertised address and the registrar's times. The rest of it must be as it was
// (config.Config.Reload).
func (s *Server) Reconfigure(c *config.Config) { s.config.Store(c) }

// follow makes the snapshot of the view's member set and the configuration.
func (s *Server) follow() *snapshot {
	s.following.Lock()
	defer s.following.Unlock()
	v, c, old := s.cluster.View(), s.config.Load(), s.snap.Load()
	if v == nil {
		v = &cluster.View{}
	}
	if old.set == v.Set && old.config == c { // another loop was here first
		return old
	}
	snap, err := s.newSnapshot(v.Set)
	if err != nil {
		s.log.Error("the advertised address cannot be used; what was in force before stays", "error", err)
		kept := *old
		kept.set, kept.config, snap = v.Set, c, &kept
	}
	snap.superseded = v.Superseded
	s.snap.Store(snap)
	return snap
}

// Address is where the server listens for SIP.
func (s *Server) Address() netip.AddrPort { return s.layer.Address() }

// Addresses are all where it does: Address, and one of the other family if it was
// given one.
func (s *Server) Addresses() []netip.AddrPort { return s.layer.Addresses() }

// LocalAddress is where the application beside this member sends to; the zero value if
// there is none.
func (s *Server) LocalAddress() netip.AddrPort { return s.layer.LocalAddress() }

// Metrics of the server; a prometheus.Collector.
func (s *Server) Metrics() *Metrics { return s.metrics }

// Transactions is the number of transactions held.
func (s *Server) Transactions() int { return s.table.Len() }

// Close stops the loops and timers. Call it after the Cluster is closed, so that
// no operation is under way.
func (s *Server) Close() error {
	err := s.layer.Close()
	close(s.stop)
	s.ticking.Wait()
	s.resolver.Close()
	return err
}

// now is a clock in milliseconds that does not fall.
func (s *Server) now() int64 { return s.clock.now() }

func (s *Server) runTimers() {
	paced(s.begun, s.stop, func() bool { return s.table.Len() > 0 || s.deaths.hasUntold() || s.away.count.Load() > 0 }, func() {
		s.table.Tick(s.now())
		s.askAnswers()
		s.askAcks()
		s.tendFlows(s.now())
	})
}

// owner is this process, as it stands in our Vias.
func (s *Server) owner() forward.Owner { return forward.Owner{ID: s.self, Life: s.life} }

// alive reports whether another member can be given a frame, in that life of it.
func (s *Server) alive(o forward.Owner) bool {
	v := s.cluster.View()
	if v == nil {
		return false
	}
	m, ok := v.Member(o.ID)
	return ok && m.Liveness == cluster.Up && shortIncarnation(m.Incarnation) == o.Life
}

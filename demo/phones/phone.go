// Package phones are simulated SIP phones written with sipgo: each has its own
// socket, registers, calls and answers. They are what the demo, the end-to-end
// tests and the failure tests make calls with.
//
// A phone sends every request to one outbound proxy, the cluster's address,
// and answers each request at that request's source (RFC 3261 18.2.2), as real
// phones do. One of TCP, TLS, WS or WSS has a connection to that address in place of
// a socket (line.go): it is called over that, opens another a while after it has ended,
// registers again, and sends again over that what was without an answer. Methods of one
// phone may be called concurrently.
package phones

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/sipring/sipring/proxy/flow"
)

// Config says what a phone is.
type Config struct {
	// User and Domain are its address-of-record, sip:User@Domain.
	User, Domain string
	// Local is where it binds; port 0 takes any free one.
	Local netip.AddrPort
	// Proxy is where it sends requests: the cluster's address.
	Proxy netip.AddrPort
	// Ring is how long it rings before it answers a call. 0 answers at once.
	Ring time.Duration
	// ByRoute has it send what is within a dialog to the first Route if that names
	// an address (RFC 3261 12.2.1.1 and 8.1.2), as phones do that take Proxy for
	// the first request alone.
	ByRoute bool
	// Password is what it answers challenges with (RFC 3261 22); empty for a phone that
	// cannot. Its user name is User.
	Password string
	// Algorithm is the only one that it knows, such as MD5; empty for all.
	Algorithm string
	// Transport is what it sends over, and is called over.
	Transport flow.Transport
	// TLS says which cluster is the right one, of TLS and WSS. Without a ServerName it must
	// be that of Domain.
	TLS *tls.Config
	// Path is that of the URL of WS and WSS. Default "/".
	Path string
	// Outbound has it register as an instance, its flow with a reg-id (RFC 5626 4).
	Outbound bool
	// Reconnect is how long after its connection has ended it opens another. Default: 1 s.
	Reconnect time.Duration
	// KeepAlive is how often one of UDP sends a CRLF (RFC 5626 3.5.1 has it for connections,
	// and NATs of all kinds see to it that phones do on UDP), from its first registration on.
	// Default: never.
	KeepAlive time.Duration
	// Dial opens its connections, where the sockets belong. Default: here.
	Dial func(ctx context.Context, from, to netip.AddrPort) (net.Conn, error)
}

func (c *Config) url(to netip.AddrPort) *url.URL {
	scheme := "ws"
	if c.Transport.Secure() {
		scheme = "wss"
	}
	return &url.URL{Scheme: scheme, Host: to.String(), Path: cmp.Or(c.Path, "/")}
}

// Phone is one simulated phone. It answers calls until it is closed.
type Phone struct {
	cfg    Config
	local  netip.AddrPort
	callID string // of its registrations (RFC 3261 10.2.4: the same for all)
	cseq   atomic.Uint32
	// Answered counts calls that it answered with 200.
	Answered atomic.Int64
	// Ringing is at how many calls it rings now: it has said so, and has not answered.
	Ringing atomic.Int64
	// Hungup counts BYEs that it received for calls it was in.
	Hungup atomic.Int64

	credentials *Credentials // nil without a password
	name        names
	expires     atomic.Int64 // of its registration, in seconds; 0: it has none
	back        atomic.Int64 // when it registered again last, in nanoseconds

	ua     *sipgo.UserAgent
	client *sipgo.Client
	conn   *net.UDPConn // of UDP
	line   *line        // of what is not
	served chan struct{}
	closed sync.Once
	gone   atomic.Bool // set by Close

	keeping sync.Once    // what begins with the first registration
	kept    atomic.Int64 // when the last keep-alive was sent, in nanoseconds

	mu    sync.Mutex
	route func() netip.AddrPort // where each request goes
	last  Recorded              // the last REGISTER that said who sent it
	calls map[string]*answer    // those it was called in, by Call-ID
	made  map[string]*made      // those it made, by Call-ID
}

// New binds the phone's socket, or opens its first connection, and begins to answer.
func New(cfg Config) (*Phone, error) {
	p := &Phone{
		cfg: cfg, callID: sip.GenerateTagN(20), name: newNames(), served: make(chan struct{}),
		route: func() netip.AddrPort { return cfg.Proxy }, calls: map[string]*answer{}, made: map[string]*made{},
	}
	p.cfg.Reconnect = cmp.Or(cfg.Reconnect, time.Second)
	if cfg.Password != "" {
		p.credentials = NewCredentials(cfg.User, cfg.Password, cfg.Algorithm)
	}
	err := p.bind()
	if err == nil {
		err = p.start()
	}
	if err != nil {
		_ = p.unbind()
		return nil, fmt.Errorf("phone %s: %w", cfg.User, err)
	}
	return p, nil
}

// bind takes a socket, or opens the first connection.
func (p *Phone) bind() (err error) {
	if p.cfg.Transport != flow.UDP {
		p.line, err = newLine(p.open, p.cfg.Proxy)
		return err
	}
	if p.conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(p.cfg.Local)); err == nil {
		p.local, _ = netip.ParseAddrPort(p.conn.LocalAddr().String())
	}
	return err
}

// open connects to where requests go.
func (p *Phone) open() (stream, error) {
	p.mu.Lock()
	route := p.route
	p.mu.Unlock()
	return p.cfg.open(context.Background(), route())
}

// unbind lets go what bind took.
func (p *Phone) unbind() error {
	switch {
	case p.line != nil:
		return p.line.Close()
	case p.conn != nil:
		return p.conn.Close()
	}
	return nil
}

var (
	quiet = slog.New(slog.DiscardHandler)
	// silence keeps sipgo's connections from counting themselves aloud.
	silence = sync.OnceFunc(func() { sip.SetDefaultLogger(quiet) })
)

func (p *Phone) start() error {
	silence()
	ua, err := sipgo.NewUA(sipgo.WithUserAgent(p.cfg.User), sipgo.WithUserAgentHostname(p.cfg.Domain),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet),
			sip.WithTransactionLayerUnhandledResponseHandler(p.onResponse)))
	if err != nil {
		return err
	}
	server, err := sipgo.NewServer(ua, sipgo.WithServerLogger(quiet))
	if err != nil {
		return err
	}
	server.OnInvite(p.onInvite)
	server.OnAck(p.onAck)
	server.OnBye(p.onBye)
	server.OnNoRoute(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(answerTo(req, 200, "OK", nil))
	})
	local := p.socket()
	p.client, err = sipgo.NewClient(ua, sipgo.WithClientLogger(quiet), sipgo.WithClientHostname(local.Addr().String()),
		sipgo.WithClientPort(int(local.Port())), sipgo.WithClientConnectionAddr(local.String()), sipgo.WithClientNAT())
	if err != nil {
		return err
	}
	p.ua = ua
	go func() {
		defer close(p.served)
		p.serve(server)
	}()
	return waitListening(ua, p.network(), local)
}

// serve answers until the phone is closed.
func (p *Phone) serve(server *sipgo.Server) {
	if p.line == nil {
		_ = server.ServeUDP(p.conn)
		return
	}
	p.line.began = p.again
	p.line.running.Go(func() { p.line.run(p.cfg.Reconnect) })
	_ = server.ServeTCP(&oneLine{line: p.line})
	p.line.running.Wait()
}

// network is what sipgo takes the phone's socket for. Whatever a connection is: to it
// that is one of TCP.
func (p *Phone) network() string {
	if p.line != nil {
		return "TCP"
	}
	return "UDP"
}

// socket is its address, to sipgo.
func (p *Phone) socket() netip.AddrPort {
	if p.line != nil {
		return p.line.local.(*net.TCPAddr).AddrPort()
	}
	return p.local
}

// waitListening returns once the transport layer knows the phone's socket: a
// request sent before would leave from another one.
func waitListening(ua *sipgo.UserAgent, network string, local netip.AddrPort) error {
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if c, err := ua.TransportLayer().GetConnection(network, local.String()); err == nil && c != nil {
			_, _ = c.TryClose() // give back the reference that GetConnection took
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("socket %s is not served after 5 s", local)
}

// Close frees the phone's socket and ends its goroutines. What is sent after it
// is an error.
func (p *Phone) Close() {
	p.closed.Do(func() {
		p.gone.Store(true)
		_ = p.ua.Close()
		_ = p.unbind()
	})
	<-p.served
}

// AOR is the phone's address-of-record.
func (p *Phone) AOR() string { return "sip:" + p.cfg.User + "@" + p.cfg.Domain }

// User is the user part of its address-of-record.
func (p *Phone) User() string { return p.cfg.User }

// Challenged is how many challenges came for it.
func (p *Phone) Challenged() int64 {
	if p.credentials == nil {
		return 0
	}
	return p.credentials.Challenges.Load()
}

// Transport is what the phone sends over.
func (p *Phone) Transport() flow.Transport { return p.cfg.Transport }

// Address is where the phone sends from, or sent from until its connection ended.
func (p *Phone) Address() netip.AddrPort {
	if p.line != nil {
		return p.line.address()
	}
	return p.local
}

// SetProxy changes where the phone sends what it sends from now on.
func (p *Phone) SetProxy(a netip.AddrPort) { p.SetRoute(func() netip.AddrPort { return a }) }

// SetRoute has each request from now on go to where route, which may be called
// concurrently, says for it. Its retransmissions go there too. A phone with a connection
// has the next one go there.
func (p *Phone) SetRoute(route func() netip.AddrPort) {
	p.mu.Lock()
	p.route = route
	p.mu.Unlock()
}

func (p *Phone) proxy() string {
	p.mu.Lock()
	route := p.route
	p.mu.Unlock()
	return route().String()
}

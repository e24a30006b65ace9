// Package phones are simulated SIP phones written with sipgo: each has its own
// socket, registers, calls and answers. They are what the demo, the end-to-end
// tests and the failure tests make calls with.
//
// A phone sends every request to one outbound proxy, the cluster's address,
// and answers each request at that request's source (RFC 3261 18.2.2), as real
// phones do. Methods of one phone may be called concurrently.
package phones

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
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
}

// Phone is one simulated phone. It answers calls until it is closed.
type Phone struct {
	cfg    Config
	local  netip.AddrPort
	callID string // of its registrations (RFC 3261 10.2.4: the same for all)
	cseq   atomic.Uint32
	// Answered counts calls that it answered with 200.
	Answered atomic.Int64
	// Hungup counts BYEs that it received for calls it was in.
	Hungup atomic.Int64

	credentials *Credentials // nil without a password

	ua     *sipgo.UserAgent
	client *sipgo.Client
	conn   *net.UDPConn
	served chan struct{}
	closed sync.Once
	gone   atomic.Bool // set by Close

	mu    sync.Mutex
	route func() netip.AddrPort // where each request goes
	last  Recorded              // the last REGISTER that said who sent it
	calls map[string]*answer    // those it was called in, by Call-ID
	made  map[string]*made      // those it made, by Call-ID
}

// New binds the phone's socket and begins to answer.
func New(cfg Config) (*Phone, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(cfg.Local))
	if err != nil {
		return nil, fmt.Errorf("phone %s: %w", cfg.User, err)
	}
	local, _ := netip.ParseAddrPort(conn.LocalAddr().String())
	p := &Phone{
		cfg: cfg, local: local, callID: sip.GenerateTagN(20), conn: conn,
		served: make(chan struct{}), route: func() netip.AddrPort { return cfg.Proxy }, calls: map[string]*answer{}, made: map[string]*made{},
	}
	if cfg.Password != "" {
		p.credentials = NewCredentials(cfg.User, cfg.Password, cfg.Algorithm)
	}
	if err := p.start(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("phone %s: %w", cfg.User, err)
	}
	return p, nil
}

func (p *Phone) start() error {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
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
	p.client, err = sipgo.NewClient(ua, sipgo.WithClientLogger(quiet), sipgo.WithClientHostname(p.local.Addr().String()),
		sipgo.WithClientPort(int(p.local.Port())), sipgo.WithClientConnectionAddr(p.local.String()), sipgo.WithClientNAT())
	if err != nil {
		return err
	}
	p.ua = ua
	go func() {
		defer close(p.served)
		_ = server.ServeUDP(p.conn)
	}()
	return waitListening(ua, p.local)
}

// waitListening returns once the transport layer knows the phone's socket: a
// request sent before would leave from another one.
func waitListening(ua *sipgo.UserAgent, local netip.AddrPort) error {
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if c, err := ua.TransportLayer().GetConnection("udp", local.String()); err == nil && c != nil {
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
		_ = p.conn.Close()
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

// Address is where the phone sends from.
func (p *Phone) Address() netip.AddrPort { return p.local }

// Contact is the URI at which it can be reached.
func (p *Phone) Contact() string { return fmt.Sprintf("sip:%s@%s", p.cfg.User, p.local) }

// SetProxy changes where the phone sends what it sends from now on.
func (p *Phone) SetProxy(a netip.AddrPort) { p.SetRoute(func() netip.AddrPort { return a }) }

// SetRoute has each request from now on go to where route, which may be called
// concurrently, says for it. Its retransmissions go there too.
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

// Register binds the phone's contact for that many seconds; 0 removes it. An
// answer other than 200 is an error that names it.
func (p *Phone) Register(ctx context.Context, expires int) error {
	res, err := p.register(ctx, "Contact: <"+p.Contact()+">", fmt.Sprint("Expires: ", expires))
	if err != nil {
		return err
	}
	if expires > 0 && !lists(res, p.local) {
		return fmt.Errorf("REGISTER %s: the 200 does not list its contact", p.cfg.User)
	}
	return nil
}

// Bindings asks, without changing anything, for the contacts that are bound to the
// phone's address-of-record.
func (p *Phone) Bindings(ctx context.Context) (contacts []string, err error) {
	res, err := p.register(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range res.GetHeaders("Contact") {
		contacts = append(contacts, h.Value())
	}
	return contacts, nil
}

// Registered asks, without changing anything, whether the registrar holds the
// phone's binding (RFC 3261 10.2.3).
func (p *Phone) Registered(ctx context.Context) (bool, error) {
	res, err := p.register(ctx)
	if err != nil {
		return false, err
	}
	return lists(res, p.local), nil
}

func (p *Phone) register(ctx context.Context, headers ...string) (*sip.Response, error) {
	next := func() uint32 { return p.cseq.Add(1) }
	res, err := p.do(ctx, &request{
		method: "REGISTER", uri: "sip:" + p.cfg.Domain,
		from: fmt.Sprintf("<%s>;tag=%s", p.AOR(), sip.GenerateTagN(12)), to: "<" + p.AOR() + ">",
		callID: p.callID, cseq: next(), next: next, headers: headers,
	})
	if err != nil {
		return nil, fmt.Errorf("REGISTER %s: %w", p.cfg.User, err)
	}
	if res.StatusCode != sip.StatusOK {
		return nil, refused("REGISTER "+p.cfg.User, res)
	}
	return res, nil
}

// lists tells whether a 200 to REGISTER names the address in a Contact.
func lists(res *sip.Response, local netip.AddrPort) bool {
	for _, h := range res.GetHeaders("Contact") {
		if strings.Contains(h.Value(), local.String()) {
			return true
		}
	}
	return false
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// application takes calls. Its methods may be called concurrently.
type application struct {
	o       options
	log     *slog.Logger
	ua      *sipgo.UserAgent
	server  *sipgo.Server
	client  *sipgo.Client
	packets net.PacketConn // one of both
	streams net.Listener
	contact sip.ContactHeader
	began   time.Time

	leaving                        atomic.Bool
	answered, pokes, pokesAnswered atomic.Int64

	mu    sync.Mutex
	calls map[string]*call // by Call-ID and the caller's tag
	none  chan struct{}    // closed while there is no call
}

func newApplication(o options, log *slog.Logger) (*application, error) {
	a := &application{o: o, log: log, began: time.Now(), calls: map[string]*call{}, none: make(chan struct{})}
	close(a.none)
	at, err := a.listen()
	if err != nil {
		return nil, err
	}
	if a.ua, err = sipgo.NewUA(sipgo.WithUserAgent("sipring-echo")); err != nil {
		return nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	if a.server, err = sipgo.NewServer(a.ua, sipgo.WithServerLogger(quiet)); err != nil {
		return nil, err
	}
	if a.client, err = sipgo.NewClient(a.ua, sipgo.WithClientLogger(quiet), sipgo.WithClientHostname(at.Addr().String()),
		sipgo.WithClientPort(int(at.Port())), sipgo.WithClientConnectionAddr(at.String())); err != nil {
		return nil, err
	}
	a.contact = sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: "echo", Host: at.Addr().String(), Port: int(at.Port())}}
	if o.protocol == "tcp" {
		a.contact.Address.UriParams = sip.NewParams()
		a.contact.Address.UriParams.Add("transport", "tcp")
	}
	a.server.OnOptions(a.onOptions)
	a.server.OnInvite(a.onInvite)
	a.server.OnAck(a.onAck)
	a.server.OnBye(a.onBye)
	a.server.OnNoRoute(a.onOther)
	return a, nil
}

func (a *application) listen() (at netip.AddrPort, err error) {
	if a.o.protocol == "tcp" {
		if a.streams, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", a.o.listen); err != nil {
			return at, err
		}
		return a.streams.Addr().(*net.TCPAddr).AddrPort(), nil
	}
	if a.packets, err = (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", a.o.listen); err != nil {
		return at, err
	}
	return a.packets.LocalAddr().(*net.UDPAddr).AddrPort(), nil
}

func (a *application) serve() error {
	if a.streams != nil {
		return a.server.ServeTCP(a.streams)
	}
	return a.server.ServeUDP(a.packets)
}

func (a *application) close() {
	_ = a.ua.Close()
	if a.streams != nil {
		_ = a.streams.Close()
		return
	}
	_ = a.packets.Close()
}

// ready reports whether it takes calls.
func (a *application) ready() bool {
	return !a.leaving.Load() && time.Since(a.began) >= a.o.readyAfter
}

// drain takes no more calls and waits for those that there are; what is left after that
// long is hung up.
func (a *application) drain(grace time.Duration) {
	a.leaving.Store(true)
	none := a.idle()
	a.log.Info("leaves", "calls", a.count())
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-none:
		a.log.Info("the last call has ended")
		return
	case <-timer.C:
	}
	a.mu.Lock()
	var left []*call
	for _, c := range a.calls {
		left = append(left, c)
	}
	a.mu.Unlock()
	var all sync.WaitGroup
	for _, c := range left {
		all.Go(func() { a.hangUp(c) })
	}
	all.Wait()
}

// idle is closed while there is no call.
func (a *application) idle() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.none
}

func (a *application) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.calls)
}

// hangUpLimit bounds the wait for the answer to a BYE.
const hangUpLimit = 2 * time.Second

func (a *application) hangUp(c *call) {
	ctx, cancel := context.WithTimeout(context.Background(), hangUpLimit)
	defer cancel()
	if _, err := a.within(ctx, c, sip.BYE); err != nil {
		a.log.Warn("a BYE was not answered", "call", c.id, "error", err)
	}
	a.end(c)
}

// key names a call at this end, by whoever sends.
func key(req *sip.Request) (string, bool) {
	id, from := req.CallID(), req.From()
	if id == nil || from == nil {
		return "", false
	}
	tag, ok := from.Params.Get("tag")
	return fmt.Sprintf("%s %s", id.Value(), tag), ok
}

func (a *application) find(req *sip.Request) *call {
	k, ok := key(req)
	if !ok {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[k]
}

// add makes a new call; nil if there are too many.
func (a *application) add(req *sip.Request) *call {
	k, ok := key(req)
	if !ok {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.calls) >= a.o.maxCalls {
		return nil
	}
	if len(a.calls) == 0 {
		a.none = make(chan struct{})
	}
	c := &call{key: k, id: req.CallID().Value(), invite: req, tag: sip.GenerateTagN(12), over: make(chan struct{}), acked: make(chan struct{})}
	a.calls[k] = c
	return c
}

// end forgets a call.
func (a *application) end(c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calls[c.key] != c {
		return
	}
	delete(a.calls, c.key)
	close(c.over)
	if len(a.calls) == 0 {
		close(a.none)
	}
}

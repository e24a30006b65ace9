package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/limit"
)

// Bounds of connections that have not proved who they are, from members'
// addresses and from all others: how many are held, and what they may send. Those
// that have given a proof in their first message are the last to make room.
var (
	memberPlaces   = connlimit.Limits{Total: 256, PerSource: 64}
	strangerPlaces = connlimit.Limits{Total: 64, PerSource: 16}
)

const (
	// handshakeTimeout is how long a connection may take to prove who it is.
	handshakeTimeout = 2 * time.Second
	// maxHandshake is how many bytes it may send until then.
	maxHandshake = 16 << 10
)

// Bounds of TLS handshakes a second: of who gave a proof, from each address;
// without one, from each member's address, from each other, and from all others.
// A member that tries as often as it can needs seven in its first second.
var (
	provedRate       = limit.Config{Rate: 20, Burst: 40, Slots: 1024}
	memberRate       = limit.Config{Rate: 5, Burst: 10, Slots: 1024}
	strangerRate     = limit.Config{Rate: 2, Burst: 4, Slots: 1024}
	allStrangersRate = limit.Config{Rate: 20, Burst: 40}
)

var (
	errUnlisted  = errors.New("not in this member's set (yet)")
	errWrongSide = errors.New("the member with the lower id dials")
	errNoProof   = errors.New("no proof, and too many without one")
	errTooMuch   = errors.New("sent too much before it proved who it is")
)

// door is where connections come in: who may hold one, who may have a handshake,
// and whose stream it becomes. One goroutine accepts, each caller has one of its
// own; what they share is safe for concurrent use.
type door struct {
	listener                               net.Listener
	members, strangers                     *connlimit.Table
	proved, member, stranger, allStrangers *limit.Limiter
	proofs                                 once

	self       uint32
	identity   *identity
	tls        *tls.Config // of identity, with examine
	clock      *clock
	sound      *soundness
	view       *current
	links      *links
	membership *membership
	metrics    *metrics
	running    *sync.WaitGroup
	log        *slog.Logger
}

// build makes the limits of a door whose other parts are there.
func (d *door) build() *door {
	d.members, d.strangers = connlimit.New(memberPlaces), connlimit.New(strangerPlaces)
	d.proved, d.member, d.stranger, d.allStrangers = limit.New(provedRate), limit.New(memberRate), limit.New(strangerRate), limit.New(allStrangersRate)
	d.tls = d.identity.config()
	d.tls.GetConfigForClient = d.examine
	return d
}

// caller is a connection that came in. Until it has proved who it is, what it may
// send is bounded.
type caller struct {
	*net.TCPConn
	table  *connlimit.Table
	listed bool
	left   int  // bytes; negative: no bound any more
	mute   bool // it is not answered: who is refused at once tries again at once
}

// Read implements net.Conn.
func (c *caller) Read(b []byte) (int, error) {
	if c.left < 0 {
		return c.TCPConn.Read(b)
	}
	if c.left == 0 {
		return 0, errTooMuch
	}
	n, err := c.TCPConn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// Write implements net.Conn.
func (c *caller) Write(b []byte) (int, error) {
	if c.mute {
		return len(b), nil
	}
	return c.TCPConn.Write(b)
}

// accept takes connections from peers. It waits for none of them.
func (d *door) accept(ctx context.Context) {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			d.metrics.acceptFailed.Inc()
			time.Sleep(tickInterval) // out of descriptors: not a busy loop
			continue
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok || d.sound.stuck.Load() {
			_ = conn.Close() // the word that this process is down
			continue
		}
		c := d.letIn(tcp)
		d.running.Go(func() {
			defer c.table.Remove(c)
			d.welcome(ctx, c)
		})
	}
}

func (d *door) letIn(conn *net.TCPConn) *caller {
	c := &caller{TCPConn: conn, table: d.strangers, left: maxHandshake}
	if c.listed = d.links.listed(addressOf(conn.RemoteAddr())); c.listed {
		c.table = d.members
	}
	c.table.Add(c)
	return c
}

// examine is called with TLS' first message, before a handshake costs anything.
func (d *door) examine(chi *tls.ClientHelloInfo) (*tls.Config, error) {
	c, ok := chi.Conn.(*caller)
	if !ok {
		return nil, fmt.Errorf("no connection of ours: %T", chi.Conn)
	}
	now, from := d.clock.now(), addressOf(c.RemoteAddr())
	proof, ok := d.identity.proved(chi.ServerName, time.Now(), c.RemoteAddr(), c.LocalAddr())
	if ok && d.proofs.first(proof) && d.proved.Allow(now, from, 1) {
		c.table.Busy(c)
		return nil, nil
	}
	may := c.listed && d.member.Allow(now, from, 1) ||
		!c.listed && d.stranger.Allow(now, from, 1) && d.allStrangers.Allow(now, netip.IPv4Unspecified(), 1)
	if !may {
		c.mute = true
		return nil, errNoProof
	}
	return nil, nil
}

// welcome proves a dialled connection and hands it to its member's link.
func (d *door) welcome(ctx context.Context, c *caller) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	tc := tls.Server(c, d.tls)
	theirs, err := d.prove(tc, c)
	if err == nil {
		if l := d.links.to(theirs.ID); l == nil {
			err = errUnlisted
		} else {
			err = l.accept(newStream(tc, *theirs, d.view.epoch, d.links.beat))
		}
	}
	if err == nil {
		return
	}
	if theirs != nil || errors.Is(err, errUnlisted) || errors.Is(err, errWrongSide) {
		d.metrics.outOfTurn.Inc()
	} else {
		d.metrics.unproved.Inc()
	}
	d.log.Debug("peer refused", "remote", c.RemoteAddr().String(), "error", err)
	if c.mute {
		_, _ = io.Copy(io.Discard, c) // until it goes, makes room or its time is over
	}
	_ = c.Close()
}

// prove is the handshake of the side that is dialled, until the connection ends.
func (d *door) prove(tc *tls.Conn, c *caller) (*hello, error) {
	if err := tc.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return nil, err
	}
	if err := tc.HandshakeContext(context.Background()); err != nil {
		return nil, err
	}
	c.left = -1
	return answer(tc, d.membership.hello(), d.admit, func(set []byte) { d.membership.learn(0, set) }, handshakeTimeout)
}

// admit says why a peer that proved itself is not answered. It tries again. One
// that is not to dial only knocks, to be dialled soon.
func (d *door) admit(theirs *hello) error {
	l := d.links.to(theirs.ID)
	switch {
	case l == nil:
		return errUnlisted
	case theirs.ID > d.self:
		wake(l.nudge)
		return errWrongSide
	}
	return nil
}

package phones

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// line is what a phone has in place of a socket where it is bound to a connection: to
// sipgo one connection that lasts as long as the phone. Below it they come and go, one at
// a time, and only whole messages cross.
type line struct {
	open func() (stream, error)
	// began is called, on a goroutine of its own, with each connection but the first.
	began func(*link)

	local, remote net.Addr // as sipgo knows them
	in            chan []byte
	rest          []byte // of a message that is being read
	done          chan struct{}
	once          sync.Once
	running       sync.WaitGroup

	mu      sync.Mutex
	link    *link // nil while there is none
	last    netip.AddrPort
	changed chan struct{} // closed at the next change
	lost    int
}

// link is one connection of a line.
type link struct {
	stream
	over   chan struct{} // closed when it is
	failed atomic.Bool   // and nothing more can be sent over it

	registered bool // under the line's mu: what the phone has registered is reached over it
}

func newLink(s stream) *link { return &link{stream: s, over: make(chan struct{})} }

// lost reports whether what was sent over it last may never have arrived.
func (k *link) lost() bool {
	select {
	case <-k.over:
		return true
	default:
		return k.failed.Load()
	}
}

// keepAlive is how often a phone says that it is still there.
const keepAlive = 20 * time.Second

// keep sends keep-alives (RFC 5626 3.5.1) until the connection is over.
func (k *link) keep() {
	t := time.NewTicker(keepAlive)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_ = k.write([]byte("\r\n\r\n")) // what reads finds out
		case <-k.over:
			return
		}
	}
}

// errLost: the connection that a request went over has ended.
var errLost = errors.New("the connection is over")

// newLine opens the first connection.
func newLine(open func() (stream, error), remote netip.AddrPort) (*line, error) {
	first, err := open()
	if err != nil {
		return nil, err
	}
	return &line{
		open: open, local: first.LocalAddr(), remote: net.TCPAddrFromAddrPort(remote), in: make(chan []byte), done: make(chan struct{}),
		link: newLink(first), last: addressOf(first), changed: make(chan struct{}),
	}, nil
}

func addressOf(s stream) netip.AddrPort { return s.LocalAddr().(*net.TCPAddr).AddrPort() }

// run reads until the line is closed, and opens a connection that long after another
// has ended.
func (l *line) run(pause time.Duration) {
	for l.receive(); l.wait(pause); {
		s, err := l.open()
		if err != nil {
			continue
		}
		k := newLink(s)
		l.set(k)
		l.running.Go(func() { l.began(k) })
		l.receive()
	}
}

// receive hands on what comes over the connection until that has ended.
func (l *line) receive() {
	l.mu.Lock()
	k := l.link
	l.mu.Unlock()
	l.running.Go(k.keep)
	for !l.closed() {
		message, err := k.read()
		if err != nil {
			break
		}
		select {
		case l.in <- message:
		case <-l.done:
		}
	}
	_ = k.Close()
	l.end(k)
}

func (l *line) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// wait reports whether the line is still there after that long.
func (l *line) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}

// set has another connection.
func (l *line) set(k *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link, l.last = k, addressOf(k)
	l.change()
}

// end has none: whoever finds that knows that the last one is over.
func (l *line) end(k *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(k.over)
	l.link = nil
	l.lost++
	l.change()
}

// change wakes those that wait for it. mu is held.
func (l *line) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// register notes that the phone is reached over a connection.
func (l *line) register(k *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k.registered = true
	l.change()
}

// ended is how many connections have.
func (l *line) ended() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// ready waits until there is a connection; until the phone is reached over it, if it is
// to be.
func (l *line) ready(ctx context.Context, registered bool) (*link, error) {
	for {
		l.mu.Lock()
		k, changed := l.link, l.changed
		good := k != nil && (k.registered || !registered)
		l.mu.Unlock()
		if good {
			return k, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.done:
			return nil, net.ErrClosed
		}
	}
}

// address is the connection's, or the last one's.
func (l *line) address() netip.AddrPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Read gives sipgo what has come.
func (l *line) Read(b []byte) (int, error) {
	if len(l.rest) == 0 {
		select {
		case l.rest = <-l.in:
		case <-l.done:
			return 0, io.EOF
		}
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// Write sends one message.
func (l *line) Write(message []byte) (int, error) {
	l.mu.Lock()
	k := l.link
	l.mu.Unlock()
	if k == nil {
		return 0, errLost
	}
	if err := k.write(message); err != nil {
		k.failed.Store(true)
		_ = k.Close()
		return 0, err
	}
	return len(message), nil
}

// Close ends the line and its connection. It may be called more than once.
func (l *line) Close() error {
	l.once.Do(func() { close(l.done) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.link != nil {
		_ = l.link.Close()
	}
	return nil
}

// LocalAddr and the other methods are the rest of a net.Conn.
func (l *line) LocalAddr() net.Addr              { return l.local }
func (l *line) RemoteAddr() net.Addr             { return l.remote }
func (l *line) SetDeadline(time.Time) error      { return nil }
func (l *line) SetReadDeadline(time.Time) error  { return nil }
func (l *line) SetWriteDeadline(time.Time) error { return nil }

// oneLine is a net.Listener at which a line comes in.
type oneLine struct {
	*line
	accepted bool
}

// Accept returns the line, and at the next call waits until it is closed.
func (o *oneLine) Accept() (net.Conn, error) {
	if o.accepted {
		<-o.done
		return nil, net.ErrClosed
	}
	o.accepted = true
	return o.line, nil
}

func (o *oneLine) Addr() net.Addr { return o.local }

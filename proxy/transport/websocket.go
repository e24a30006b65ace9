package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/sipring/sipring/proxy/transport/wsframe"
)

// subprotocol is what both sides have to agree on (RFC 7118 4.1).
const subprotocol = "sip"

// maxUpgrade is the longest handshake of a WebSocket, in bytes, and the longest line of
// it a quarter of that.
const maxUpgrade = 16 << 10

// webSocket is what a connection is that has become one.
type webSocket struct {
	frames wsframe.Assembler
	// text: the client's last message was text, so it may be sent text (RFC 7118 5).
	text atomic.Bool
}

// upgrade does the handshake of a WebSocket (RFC 6455 4.2).
func (c *conn) upgrade(l *streamListener) handshakeResult {
	sip, result := false, handshakeMalformed
	refuse := func(status int, why string) error {
		result = handshakeRefused
		return ws.RejectConnectionError(ws.RejectionStatus(status), ws.RejectionReason(why))
	}
	u := ws.Upgrader{
		ReadBufferSize: maxUpgrade / 4,
		OnRequest: func(uri []byte) error {
			if path, _, _ := bytes.Cut(uri, []byte("?")); l.ws.Path != "" && string(path) != l.ws.Path {
				return refuse(http.StatusNotFound, "there is no such path")
			}
			return nil
		},
		OnHeader: func(name, value []byte) error {
			if string(name) == "Origin" && !l.ws.allows(string(value)) {
				return refuse(http.StatusForbidden, "pages of this origin may not connect")
			}
			return nil
		},
		Protocol: func(offered []byte) bool { // in any case, as some clients write it
			agreed := bytes.EqualFold(offered, []byte(subprotocol))
			sip = sip || agreed
			return agreed
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			if !sip {
				return nil, refuse(http.StatusBadRequest, "the subprotocol sip is needed")
			}
			return nil, nil
		},
	}
	_, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{&upgradeReader{c.top, maxUpgrade}, c.top})
	if err != nil {
		return c.failed(err, result)
	}
	c.ws = &webSocket{frames: wsframe.Assembler{Most: largeBuffer}}
	return handshakeDone
}

// upgradeReader reads a handshake, as far as one may be long.
type upgradeReader struct {
	io.Reader
	left int
}

func (r *upgradeReader) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, errUpgradeTooLong
	}
	n, err := r.Reader.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

var errUpgradeTooLong = errors.New("a WebSocket handshake that is too long")

// allows reports whether pages of an origin may connect: scheme and host are the same
// in any case (RFC 6454 4), and browsers do not write a port that goes without saying
// (6.1).
func (w *WebSocket) allows(origin string) bool {
	same := func(o string) bool { return strings.EqualFold(withoutPort(o), withoutPort(origin)) }
	return len(w.Origins) == 0 || slices.ContainsFunc(w.Origins, same)
}

// withoutPort is an origin without the port that its scheme has anyway.
func withoutPort(origin string) string {
	for _, known := range [...]struct{ scheme, port string }{{"https://", ":443"}, {"http://", ":80"}} {
		if n := len(known.scheme); len(origin) > n && strings.EqualFold(origin[:n], known.scheme) {
			return strings.TrimSuffix(origin, known.port)
		}
	}
	return origin
}

// frames are where one is put together that is to be written.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// writeFrame sends one.
func (c *conn) writeFrame(op ws.OpCode, payload []byte) error {
	b := frames.Get().(*[]byte)
	*b = wsframe.Append((*b)[:0], op, payload)
	_, err := c.top.Write(*b)
	if cap(*b) <= smallBuffer {
		frames.Put(b)
	}
	return err
}

// writeMessage sends a message, of the kind that the client sends: text if it can be.
func (c *conn) writeMessage(data []byte) error {
	if c.ws == nil {
		_, err := c.top.Write(data)
		return err
	}
	if c.ws.text.Load() && utf8.Valid(data) {
		return c.writeFrame(ws.OpText, data)
	}
	return c.writeFrame(ws.OpBinary, data)
}

// closeFrame begins or ends the closing handshake (RFC 6455 7.1.2).
func (c *conn) closeFrame(code ws.StatusCode) {
	_ = c.writeFrame(ws.OpClose, ws.NewCloseFrameBody(code, ""))
}

// handleFrames handles what came of a WebSocket, and reports whether to go on.
func (r *reading) handleFrames() bool {
	for {
		e, n := r.c.ws.frames.Next(r.in.bytes())
		r.in.n = n
		if r.c.over() && e.Kind != wsframe.Close {
			return r.discard()
		}
		switch e.Kind {
		case wsframe.More:
			return true
		case wsframe.Message:
			r.c.ws.text.Store(e.Text)
			r.frameMessage(e.Data)
			r.in.cut(len(e.Data))
		case wsframe.Ping:
			r.together(r.in.n > 0)
			_ = r.c.writeFrame(ws.OpPong, e.Data)
		case wsframe.Pong:
		case wsframe.Close:
			r.c.finish(closedByPeer, e.Code)
			return r.discard()
		case wsframe.Fault:
			why := closedGarbage
			if e.Code == ws.StatusMessageTooBig {
				why = closedTooLarge
			}
			r.c.finish(why, e.Code)
			return r.discard()
		}
	}
}

// frameMessage handles a message: SIP, or line ends to keep the flow alive (RFC 5626
// 3.5.1).
func (r *reading) frameMessage(data []byte) {
	switch {
	case string(data) == "\r\n\r\n":
		r.together(r.in.n > len(data))
		_ = r.c.writeMessage(pong)
	case len(bytes.Trim(data, "\r\n")) == 0:
	default:
		r.message(data, r.in.n > len(data))
	}
}

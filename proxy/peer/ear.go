package peer

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// ear reads what the peer of a stream sends, and has the stream know when that came.
// It reads the clock once for each read of the connection, however many frames are in
// it: a loss begins where the peer was last heard, which silence tells only later.
type ear struct{ *stream }

// Read implements io.Reader. The end of a connection is heard too, if it is the
// peer's: a process that is killed was there until then.
func (e ear) Read(b []byte) (int, error) {
	n, err := e.conn.Read(b)
	if err == nil || endedByPeer(err) {
		e.heard.Store(int64(time.Since(e.began)))
	}
	return n, err
}

func endedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// lastHeard is when the peer was last heard.
func (s *stream) lastHeard() time.Time { return s.began.Add(time.Duration(s.heard.Load())) }

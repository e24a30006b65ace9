package peer

import (
	"bufio"
	"time"
)

// Buffers of a stream, of which a member of a large cluster has hundreds. What
// is longer than readBuffer is read to where it belongs, and TLS holds a record
// of 16 KiB anyway. Those for single frames and for what waits to be written grow
// as needed, and are given up above keepBuffer as soon as little is in them.
const (
	readBuffer = 2 << 10
	keepBuffer = 16 << 10
)

// keep returns the buffer for use again, nil if it is too large for the n bytes
// that were in it last.
func keep(buf []byte, n int) []byte {
	if cap(buf) > keepBuffer && n < cap(buf)/4 || cap(buf) > 2*maxFrame {
		return nil
	}
	return buf[:0]
}

// write sends what is pending, all that there is in one write.
func (s *stream) write() {
	var buf []byte
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		}
		if buf = s.flush(buf); buf == nil {
			return
		}
	}
}

// flush writes what is pending, taking spare as the next pending buffer, and
// returns the written buffer for reuse; nil when the stream broke.
func (s *stream) flush(spare []byte) []byte {
	s.mu.Lock()
	buf, parting := s.pending, s.parting
	s.pending = spare[:0]
	s.mu.Unlock()
	if len(buf) == 0 {
		return emptyIfNil(buf)
	}
	for rest := buf; len(rest) > 0; {
		chunk := rest[:min(len(rest), maxFrame)]
		_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := s.conn.Write(chunk); err != nil {
			s.fail(err)
			return nil
		}
		rest = rest[len(chunk):]
	}
	if parting != nil {
		s.fail(parting)
		return nil
	}
	return emptyIfNil(keep(buf, len(buf)))
}

func emptyIfNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// read delivers frames until the stream breaks. The payload is valid during
// the call only.
func (s *stream) read(deliver func(kind uint8, payload []byte)) {
	r := bufio.NewReaderSize(ear{s}, readBuffer)
	var buf []byte
	for {
		kind, payload, err := readFrame(r, buf, maxFrame)
		if err != nil {
			s.fail(err)
			return
		}
		s.reads.Add(1)
		deliver(kind, payload)
		buf = keep(payload, len(payload))
	}
}

package wsframe

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// frame is the header of one (RFC 6455 5.2).
type frame struct {
	op     ws.OpCode
	last   bool
	mask   [4]byte
	length uint64
	head   int // bytes of the header, 0 as long as it is not whole
	fault  ws.StatusCode
}

func (f *frame) control() bool { return f.op&8 != 0 }
func (f *frame) size() int     { return f.head + int(f.length) }

const (
	finBit   = 0x80
	rsvBits  = 0x70
	opBits   = 0x0f
	maskBit  = 0x80
	length16 = 126
	length64 = 127
)

// readFrame reads the header of a client's frame.
func readFrame(b []byte) (f frame) {
	if len(b) < 2 {
		return f
	}
	f.op, f.last = ws.OpCode(b[0]&opBits), b[0]&finBit != 0
	short := b[1] &^ maskBit
	known := f.op <= ws.OpBinary || f.op >= ws.OpClose && f.op <= ws.OpPong
	if b[0]&rsvBits != 0 || !known || b[1]&maskBit == 0 || f.control() && (!f.last || short >= length16) {
		f.fault = ws.StatusProtocolError
		return f
	}
	head := 2 + extra(short) + len(f.mask)
	if len(b) < head {
		return f
	}
	switch f.length = uint64(short); short {
	case length16:
		f.length = uint64(binary.BigEndian.Uint16(b[2:]))
	case length64:
		f.length = binary.BigEndian.Uint64(b[2:])
	}
	f.head, f.mask = head, [4]byte(b[head-len(f.mask):])
	return f
}

// extra is how many bytes of length follow the first.
func extra(short byte) int {
	switch short {
	case length16:
		return 2
	case length64:
		return 8
	}
	return 0
}

// Append appends a frame of a server: not masked, and whole (RFC 6455 5.1).
func Append(dst []byte, op ws.OpCode, payload []byte) []byte {
	dst = append(dst, finBit|byte(op))
	switch n := len(payload); {
	case n < length16:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, length16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, length64), uint64(n))
	}
	return append(dst, payload...)
}

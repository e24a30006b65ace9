package peer

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Kinds of frames. Those below KindUser belong to this package.
const (
	kindHello   = 1
	kindPing    = 2
	kindCluster = 3
	kindMembers = 4
	kindState   = 5
	kindMissed  = 6
	kindLocate  = 7 // a question for a contact
	kindLocated = 8 // its answer
	kindAway    = 9
	// kindUnlisted answers a hello in the place of another: the peer is not in
	// the set there, and its newer one is wanted.
	kindUnlisted = 10
	kindAwaited  = 11 // members that were never met: are they up there?
	kindVouched  = 12 // those of them that are
	// KindUser is the first kind that Node.Send takes and Handler receives.
	KindUser = 16
)

// maxFrame bounds a frame's payload, in bytes.
const maxFrame = 1 << 20

// frameHeader is kind (1 byte) and payload length (4 bytes, big endian).
const frameHeader = 5

func appendFrame(dst []byte, kind uint8, payload []byte) []byte {
	dst = append(dst, kind)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload))) // senders bound it by maxFrame
	return append(dst, payload...)
}

// appendPing appends a ping, which tells the epoch of our member set.
func appendPing(dst []byte, epoch uint64) []byte {
	return appendFrame(dst, kindPing, binary.BigEndian.AppendUint64(nil, epoch))
}

// readFrame reads one frame into buf, which grows where it is too small and
// comes back as the payload. Longer than limit is an error.
func readFrame(r io.Reader, buf []byte, limit int) (kind uint8, payload []byte, err error) {
	buf = grow(buf, frameHeader)
	if _, err := io.ReadFull(r, buf); err != nil {
		return 0, buf, err
	}
	kind = buf[0]
	n := int(binary.BigEndian.Uint32(buf[1:]))
	if n > limit {
		return 0, buf, fmt.Errorf("frame of %d bytes, at most %d", n, limit)
	}
	buf = grow(buf, n)
	_, err = io.ReadFull(r, buf)
	return kind, buf, err
}

// grow returns buf with length n, keeping its memory where that is enough.
func grow(buf []byte, n int) []byte {
	if cap(buf) < n {
		return make([]byte, n, n+n/2)
	}
	return buf[:n]
}

package transport

import "encoding/binary"

// records follows the records of TLS in what comes (RFC 8446 5.1), to tell a connection
// on which one is there in part from one that is idle.
type records struct {
	head [5]byte
	have int // bytes of head
	left int // of the record
}

func (r *records) add(b []byte) {
	for len(b) > 0 {
		if r.left > 0 {
			n := min(r.left, len(b))
			r.left -= n
			b = b[n:]
			continue
		}
		n := copy(r.head[r.have:], b)
		b = b[n:]
		if r.have += n; r.have == len(r.head) {
			r.have, r.left = 0, int(binary.BigEndian.Uint16(r.head[3:]))
		}
	}
}

// partial reports whether a record is not whole yet.
func (r *records) partial() bool { return r.have > 0 || r.left > 0 }

package application

import "encoding/binary"

// What a member tells the others of its application: a byte for the version, the life of its proxy, its state. The member
// is the one whose stream it came over.
const (
	stateVersion = 1
	// StateLen is the length of it, in bytes.
	StateLen = 1 + 4 + 1
)

// AppendState appends what the proxy of that life says of its application.
func AppendState(dst []byte, life uint32, s State) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, stateVersion), life)
	return append(dst, byte(s))
}

// CutState reads what b begins with, and returns what follows it. It returns false for what AppendState never writes, as
// a later version may: nothing is known then.
func CutState(b []byte) (life uint32, s State, rest []byte, ok bool) {
	if len(b) < StateLen || b[0] != stateVersion || b[StateLen-1] >= byte(states) {
		return 0, Unknown, nil, false
	}
	return binary.BigEndian.Uint32(b[1:]), State(b[StateLen-1]), b[StateLen:], true
}

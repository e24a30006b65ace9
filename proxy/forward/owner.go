package forward

import (
	"strconv"

	"github.com/sipring/sipring/proxy/wire"
)

// Owner is the member that holds a transaction, and in which of its lives; zero
// for nobody. It stands in a Via parameter and not in the branch, so that a
// retransmission through another pod makes the same branch.
type Owner struct{ ID, Life uint32 }

// ownerParam begins what follows the branch in a Via of ours.
const ownerParam = ";rport;o="

// append appends the value of the Via parameter, ID-LIFE.
func (o Owner) append(dst []byte) []byte {
	dst = append(strconv.AppendUint(dst, uint64(o.ID), 10), '-')
	return strconv.AppendUint(dst, uint64(o.Life), 16)
}

// OwnerOf reads the owner from a Via of ours, if nobody has taken it out.
func OwnerOf(v *wire.Via) (o Owner, named bool) {
	p, _ := v.Param("o")
	return parseOwner(p)
}

func parseOwner(p []byte) (o Owner, ok bool) {
	if len(p) > 19 {
		return Owner{}, false
	}
	for i, c := range p {
		if c != '-' {
			continue
		}
		id, err := strconv.ParseUint(string(p[:i]), 10, 32)
		if err != nil {
			return Owner{}, false
		}
		life, err := strconv.ParseUint(string(p[i+1:]), 16, 32)
		return Owner{uint32(id), uint32(life)}, err == nil
	}
	return Owner{}, false
}

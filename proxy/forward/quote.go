package forward

import (
	"bytes"

	"github.com/sipring/sipring/proxy/token"
)

// Quote is what the beginning of a request of ours says of it.
type Quote struct {
	// Text is the branch as it is written.
	Text []byte
	// Owner holds the transaction, if the Via is quoted as far as Named.
	Owner Owner
	Named bool
}

// Find finds our Via in the beginning of a request, and reports whether the whole
// branch is there. A response has another's on top.
func (n *Names) Find(data []byte) (q Quote, ok bool) {
	rest := n.afterVia(data)
	if len(rest) < token.BranchLen || bytes.HasPrefix(data, responsePrefix) { // or quoted in part
		return q, false
	}
	q.Text = rest[:token.BranchLen]
	value, ours := bytes.CutPrefix(rest[token.BranchLen:], []byte(ownerParam))
	if end := bytes.IndexByte(value, ';'); ours && end >= 0 {
		q.Owner, q.Named = parseOwner(value[:end])
	}
	return q, true
}

// afterVia is what follows the first Via that names one of the listeners, to its
// branch parameter.
func (n *Names) afterVia(data []byte) (rest []byte) {
	first := len(data)
	for i := range n.places {
		for p := &n.places[i]; p != nil; p = p.second {
			if at := bytes.Index(data[:min(first+len(p.via), len(data))], p.via); at >= 0 && at < first {
				first, rest = at, data[at+len(p.via):]
			}
		}
	}
	return rest
}

var responsePrefix = []byte("SIP/2.0 ")

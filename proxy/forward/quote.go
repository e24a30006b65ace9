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
	at := bytes.Index(data, n.via)
	if at < 0 || bytes.HasPrefix(data, responsePrefix) {
		return q, false
	}
	rest := data[at+len(n.via):]
	if len(rest) < token.BranchLen { // quoted in part
		return q, false
	}
	q.Text = rest[:token.BranchLen]
	value, ours := bytes.CutPrefix(rest[token.BranchLen:], []byte(ownerParam))
	if end := bytes.IndexByte(value, ';'); ours && end >= 0 {
		q.Owner, q.Named = parseOwner(value[:end])
	}
	return q, true
}

var responsePrefix = []byte("SIP/2.0 ")

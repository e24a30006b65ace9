package peer

import (
	"errors"

	"github.com/sipring/sipring/proxy/config"
)

// errKeyGone: what a peer proved itself with is in force no more.
var errKeyGone = errors.New("the peer's key is no longer in force")

// SetKeys puts other keys in force: the first is what this member proves itself
// with from now on. Streams whose peer proved itself with a key that is gone end at
// once, and come again where it holds another. On an error the keys of before stay.
func (n *Node) SetKeys(keys *config.Keys) error {
	if len(keys.Keys) == 0 {
		return errors.New("set keys: none")
	}
	if err := n.identity.replace(keys); err != nil {
		return err
	}
	for _, l := range *n.links.Load() {
		l.distrust()
	}
	return nil
}

// distrust ends the streams of a peer whose key is no longer in force. One whose
// handshake is under way is looked at when it is taken up.
func (l *link) distrust() {
	l.mu.Lock()
	streams := []*stream{l.cur, l.next}
	l.mu.Unlock()
	for _, s := range streams {
		if s != nil && !l.n.identity.trusts(s.conn) {
			s.fail(errKeyGone)
		}
	}
}

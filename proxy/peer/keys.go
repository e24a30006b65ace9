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
	n.links.distrust()
	return nil
}

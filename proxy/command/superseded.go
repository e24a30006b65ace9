package command

import (
	"context"
	"time"

	"github.com/sipring/sipring/proxy/peer"
)

// supersededMove is over how long the connections of a process are ended that the member set
// knows of no more: what is for their phones waits for them at the others, 8 s at most, and the
// process may be killed at any moment.
const supersededMove = 2 * time.Second

// moveIfSuperseded has the phones with connections go to other members where the set in force
// knows of this process no more: nobody hands it anything for them.
func (p *proxy) moveIfSuperseded(ctx context.Context, n *peer.Node) {
	if v := n.View(); v == nil || !v.Superseded || p.superseded {
		return
	}
	p.superseded = true
	p.log.Warn("the member set knows of this process no more: its connections are ended", "within", supersededMove.String())
	go p.server.MoveOff(ctx, supersededMove)
}

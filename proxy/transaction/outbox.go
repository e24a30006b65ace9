package transaction

import "github.com/sipring/sipring/proxy/flow"

// outbox is what is to be done about an event: nothing is sent before the machine
// has come to its end, so that what is sent is in the order of the events.
type outbox struct {
	actions      []action
	cancelSource flow.Flow // where the CANCEL came from that is being answered
}

// action is one thing to do. Its bytes are valid until the next event.
type action struct {
	kind   actionKind
	local  bool // upstream: made here
	branch *Branch
	bytes  []byte
}

type actionKind uint8

const (
	sendUpstream   actionKind = iota + 1
	answerCancel              // upstream, to cancelSource
	sendDownstream            // to branch
	tellSilent
	tellUnacked
)

// empty drops the actions, which are done.
func (o *outbox) empty() {
	clear(o.actions)
	o.actions = o.actions[:0]
}

func (o *outbox) upstream(response []byte, local bool) {
	o.actions = append(o.actions, action{kind: sendUpstream, bytes: response, local: local})
}

// toCancel answers a CANCEL that came over a flow.
func (o *outbox) toCancel(src flow.Flow, response []byte) {
	o.cancelSource = src
	o.actions = append(o.actions, action{kind: answerCancel, bytes: response})
}

func (o *outbox) downstream(b *Branch, message []byte) {
	if len(message) > 0 {
		o.actions = append(o.actions, action{kind: sendDownstream, branch: b, bytes: message})
	}
}

// tell has the owner of the table told.
func (o *outbox) tell(what actionKind) { o.actions = append(o.actions, action{kind: what}) }

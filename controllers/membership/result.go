package membership

import "github.com/sipring/sipring/proxy/config"

// Result is a decision.
type Result struct {
	// Set is what to publish, sorted by ID.
	Set *config.MemberSet
	// Changed: Set is to be published, under a new epoch. It differs from
	// Input.Previous, or that one is older than Input.Floor.
	Changed bool
	// Endpoints of the members, sorted by ID.
	Endpoints []Endpoint
	// Evicted are the names of the members that would be in the ring but are not
	// reached by most of the others, sorted.
	Evicted []string
	// Ended are those of Evicted whose processes ended, as most of those say that do
	// not reach them, sorted.
	Ended []string
	// Kept are the names of the members that are in the ring though they are not
	// ready or their node is lost, sorted by ID.
	Kept []string
	// Held: nothing says of any member that it serves, and the last active ones
	// are kept.
	Held bool
	// Changes since Input.Previous, by member; the ring's own change last.
	Changes []Change
}

// Endpoint is a member's place in the client traffic, as KEP-1672 means it.
type Endpoint struct {
	ID      uint32
	Name    string
	UID     string
	Address string
	Port    int32
	Node    string
	Zone    string
	// Ready: takes new traffic. A member in the ring may not, if it says so itself.
	Ready bool
	// Serving: answers what reaches it, and wants to. A draining member stays so
	// until it lets go: what remembers flows, as kube-proxy does for UDP, then
	// forgets those that lead to it.
	Serving bool
	// Terminating: was asked to go.
	Terminating bool
}

// Kind of a change.
type Kind int

// Kinds of changes.
const (
	// Joined: the member is in the ring.
	Joined Kind = iota
	// Draining: the member was asked to go and hands over.
	Draining
	// Lost: an active member left the ring unasked; Cause says why.
	Lost
	// Left: a draining member is gone.
	Left
	// RingChanged: other members are active, in other zones, or the ring has
	// other parameters. Member is empty.
	RingChanged
)

// Cause of a loss.
type Cause string

// Causes of a loss.
const (
	// NotReady: its process ended, and has not served again, or most of those that do
	// not reach it say that it ended.
	NotReady Cause = "not_ready"
	// Gone: its pod ended or is no more.
	Gone Cause = "gone"
	// NodeLost: its node is not heard of any more, and the others do not reach it.
	NodeLost Cause = "node_lost"
	// NodeDeleted: its node was taken away.
	NodeDeleted Cause = "node_deleted"
	// Evicted: more than half of the others do not reach it, and its process runs as
	// far as is known.
	Evicted Cause = "evicted"
)

// Change is one difference between two sets.
type Change struct {
	Kind   Kind
	Member config.Member
	Cause  Cause
}

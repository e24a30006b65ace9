package membership

import (
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// Input is what a decision is made from.
type Input struct {
	// Ring, Advertise, Second and Listeners are copied into the set.
	Ring      config.Ring
	Advertise string
	Second    string
	Listeners []config.ListenerAddress
	// Previous is the set published last; nil where none is.
	Previous *config.MemberSet
	// Floor is the highest epoch known to have been used, by whatever other
	// record there is. A new epoch is above it and above Previous's.
	Floor uint64
	// Pods, Nodes and Reports in any order.
	Pods    []Pod
	Nodes   []Node
	Reports []Report
}

// Pod is one proxy's pod, or process.
type Pod struct {
	// ID is the member's: above 0, one pod each.
	ID uint32
	// Name is the member's, one pod each.
	Name string
	// UID tells a pod from its predecessor of the same name.
	UID string
	// Address is its IP address, empty while it has none.
	Address string
	// Port is its SIP port, handed through to its Endpoint.
	Port int32
	// Node it runs on; empty where that means nothing.
	Node string
	// Ready: whoever probes its process finds that it holds what it owns and
	// serves. That it is not may be the probe's fault.
	Ready bool
	// Running: its proxy process runs, or did when it was last heard of.
	Running bool
	// Deleting: it was asked to go.
	Deleting bool
	// Finished: it ended and will not start again.
	Finished bool
	// Started is when its present process started; zero where unknown.
	Started time.Time
}

// Node is where pods run.
type Node struct {
	// Name as in Pod.Node.
	Name string
	// Zone of the node; empty where there is none.
	Zone string
	// Lost: what watches the node's pods is not heard of, so that nothing is
	// known of them.
	Lost bool
	// Deleted: whoever says which nodes there are has taken it away for good. Its
	// pods are going to be removed as well. It is lost, too.
	Deleted bool
}

// Report is what one member says, of the others and of itself.
type Report struct {
	// Reporter is the name of the member that says so.
	Reporter string
	// Suspects are the names of the members it does not reach.
	Suspects []string
	// Ended are those of them at whose ports nothing listens any more.
	Ended []string
	// Serving is its word on itself.
	Serving config.Word
	// Saw is what it holds and saw; nil where it does not say.
	Saw *config.Report
	// At is when it said so, by its own clock.
	At time.Time
}

// ClockTolerance is how far the clocks of two nodes may be apart: a report this
// much older than a process's start still counts as one about that process.
const ClockTolerance = 5 * time.Second

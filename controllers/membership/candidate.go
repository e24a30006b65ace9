package membership

import (
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// candidate is a pod that may be a member, and the state it has so far.
type candidate struct {
	pod   Pod
	zone  string
	state config.MemberState
	// lost: its node is.
	lost bool
	// deleted: its node is.
	deleted bool
	// was: the previous set has it in the ring.
	was bool
	// word is its own on itself; silent where only an earlier process of it spoke.
	word config.Word
	// mute: an earlier process of it spoke, the present one has not.
	mute bool
	// traffic: new traffic goes to it.
	traffic bool
}

// gone: it is no member, whatever is said of it.
func (p Pod) gone() bool { return p.Finished || p.Deleting && !p.Running }

// hear takes its own word, if it is of its present process. Both times are by
// the clock of its node.
func (c *candidate) hear(own Report) {
	if own.Serving == config.Silent {
		return
	}
	if own.At.Before(c.pod.Started) {
		c.mute = true
		return
	}
	c.word = own.Serving
}

// stateAlone is the state by what is known of the pod itself. Whoever is in the
// ring stays there while its process may run: that it is not ready, or its node
// not heard of, may be the fault of what watches it. That its node is deleted is
// not.
func (c *candidate) stateAlone() config.MemberState {
	switch {
	case c.pod.Deleting && !c.lost:
		return config.Draining
	case c.deleted || c.pod.Deleting || !c.pod.Running && !c.pod.Ready:
		return config.Joining
	case c.was || c.returns():
		return config.Active
	}
	return config.Joining
}

// serves: it was found to, or says so, and does not say the contrary. That it
// does not yet is what it says first, so being ready is later news.
func (c *candidate) serves() bool {
	return c.word != config.NotServing && (c.pod.Ready || c.word == config.Serving)
}

// steer sends new traffic to those in the ring, save whose process itself says
// that it does not serve, or has said nothing yet and is not ready; if that is
// all of them, to all.
func steer(members []*candidate) {
	some := false
	for _, c := range members {
		c.traffic = isActive(c) && (c.serves() || c.word == config.Silent && !c.mute)
		some = some || c.traffic
	}
	for _, c := range members {
		c.traffic = c.traffic || !some && isActive(c)
	}
}

// hold keeps those that were in the ring where nobody is in it any more: those
// whose processes run, failing that those whose nodes are there, failing that
// whoever still has an address. One that is kept though it is gone would have
// the others wait for what it may hold.
func hold(members []*candidate) {
	if slices.ContainsFunc(members, isActive) {
		return
	}
	for _, likely := range []func(*candidate) bool{
		func(c *candidate) bool { return !c.lost && c.pod.Running },
		func(c *candidate) bool { return !c.lost },
		func(*candidate) bool { return true },
	} {
		held := false
		for _, c := range members {
			if likely(c) && c.was && c.state == config.Joining {
				c.state, held = config.Active, true
			}
		}
		if held {
			return
		}
	}
}

// held says that somebody is in the ring, and nothing says of anybody there
// that it serves.
func held(members []*candidate) bool {
	vouched := func(c *candidate) bool {
		return isActive(c) && c.serves() && (!c.lost || c.word == config.Serving)
	}
	return slices.ContainsFunc(members, isActive) && !slices.ContainsFunc(members, vouched)
}

func isActive(c *candidate) bool { return c.state == config.Active }

func (c *candidate) member() config.Member {
	return config.Member{ID: c.pod.ID, Name: c.pod.Name, Address: c.pod.Address, Node: c.pod.Node, Zone: c.zone, State: c.state}
}

func (c *candidate) endpoint(evicted []string) Endpoint {
	_, out := slices.BinarySearch(evicted, c.pod.Name)
	e := Endpoint{
		ID: c.pod.ID, Name: c.pod.Name, UID: c.pod.UID, Address: c.pod.Address, Port: c.pod.Port,
		Node: c.pod.Node, Zone: c.zone, Ready: c.traffic, Terminating: c.pod.Deleting,
	}
	lettingGo := !c.pod.Ready || c.word == config.NotServing
	e.Serving = e.Ready || c.state == config.Draining && !lettingGo && !out
	return e
}

package server

import (
	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/wire"
)

// appWhen says when a request goes to an application.
type appWhen uint8

const (
	appNever        appWhen = iota // it is for bindings alone
	appAlways                      // whatever is registered
	appUnregistered                // if nothing is
	appNoAnswer                    // also when nothing that is has answered
)

// appSearch is a search's part in finding the application that a request is for.
type appSearch struct {
	when    appWhen
	pins    bool     // what is looked up now is a pin
	members []uint32 // at whose applications the request is tried
}

// begin says when a request for an address-of-record goes to an application. What comes
// from one does not: it would be called by its own calls. Nor does what is for one phone of
// the user, by a GRUU, or has to be secured all the way (RFC 5630 5.3).
func (a *appSearch) begin(r *request) {
	a.when, a.pins = appNever, false
	d := &r.decision
	if r.s.apps == nil || r.from.Transport == flow.Local || !r.snap.tables.ForApplication(d.AOR) || d.Callee() != (routing.Callee{}) {
		return
	}
	switch r.snap.config.LocalApp.When {
	case config.WhenAlways:
		a.when = appAlways
	case config.WhenUnregistered:
		a.when = appUnregistered
	case config.WhenNoAnswer:
		a.when = appNoAnswer
	}
}

// wanted reports whether the request goes to an application, too, where so many targets
// are registered.
func (a *appSearch) wanted(r *request, registered int) bool {
	switch {
	case a.when == appNever:
		return false
	case registered == 0:
		return true
	}
	return a.when == appNoAnswer && (r.msg.Method() == wire.MethodInvite || r.stateless)
}

// startPin looks up whether the calls of the address-of-record are pinned.
func (q *search) startPin() progress {
	q.apps.pins = true
	q.chain.KeepAll(q.r.dialer.targets)
	q.aor = application.AppendPinAOR(q.aor[:0], q.r.decision.AOR)
	q.lookup.AOR = q.aor
	q.r.s.cluster.Lookup(&q.lookup)
	return waits
}

// pinDone has the request go to the applications, after what is registered. Where nobody
// can tell of a pin there is none: the ring says whose the call is.
func (q *search) pinDone(op *cluster.LookupOp) progress {
	pinned := uint32(0)
	if op.Result == cluster.Found {
		if member, until, ok := application.PinnedUntil(op.Record, op.Now); ok {
			if pinned = member; until-op.Now < pinEnds {
				q.renewPin(member)
			}
		}
	}
	return q.choose(pinned)
}

// A pin that ends within pinEnds, in milliseconds, is renewed for pinRenewal, in seconds,
// as a call goes by it: else the next caller may find it gone before the application's own
// member, which the call has yet to reach, has renewed it. The call does not wait for that.
const (
	pinEnds    = 1500
	pinRenewal = 3
)

// renewPin does so, where the call goes by the pin to a member's application.
func (q *search) renewPin(member uint32) {
	r := q.r
	a, v := r.s.apps, r.s.cluster.View()
	if r.stateless || r.losses > 0 || r.msg.Method() != wire.MethodInvite || v == nil || v.Set == nil || !a.takes(v, member) {
		return
	}
	memory := &application.PinUpdate{}
	r.s.cluster.Register(&cluster.RegisterOp{
		Update: memory.Renewal(r.decision.AOR, member, a.self, r.s.life, a.renewals.Add(1), pinRenewal),
		Done:   func(*cluster.RegisterOp) {}, // not written: the application's member writes it when it has the call
	})
}

// choose has the request go to applications: that of a member first, if it is pinned to one.
func (q *search) choose(pinned uint32) progress {
	r := q.r
	app := r.snap.tables.Application()
	q.apps.members = r.s.apps.choose(q.apps.members[:0], r.s.cluster.View(), r.decision.AOR, pinned)
	registered := len(r.dialer.targets)
	if registered == 0 && (len(q.apps.members) == 0 || r.losses > 0) {
		r.countApplication(appUnavailable)
		return r.finish(503, "Service Unavailable", r.retryAfter(uint64(r.snap.config.LocalApp.RetryAfterSeconds)))
	}
	if len(q.apps.members) > 0 {
		r.countApplication(appGiven)
	}
	r.dialer.targets = targets.AppendApplications(r.dialer.targets, q.apps.members, app.Port, nil, r.decision.AOR, registered > 0)
	r.offerCancel()
	return r.reach()
}

// applicationGone ends a request within a dialog whose application is lost, with the
// dialog (RFC 3261 12.2.1.2).
func (r *request) applicationGone() progress {
	r.countApplication(appGone)
	return r.finish(481, "Call/Transaction Does Not Exist", reasonGone)
}

var reasonGone = []byte("Reason: SIP;cause=481;text=\"application is gone\"\r\n")

// offerCancel gives a CANCEL of nothing here to all other members, as one has the INVITE:
// which applications that has gone to may have been decided by another view of them. What
// finds nobody goes on to those that it would go to now.
func (r *request) offerCancel() {
	if r.stateless && r.msg.Method() == wire.MethodCancel && len(r.msg.Raw) <= maxAsk && r.s.limits.asks.allow(&r.message) {
		r.s.toAll(frameAck, r.msg.Raw)
	}
}

// appResult says what became of a request for an application.
type appResult uint8

const (
	appGiven       appResult = iota // it went to one, perhaps after what is registered
	appUnavailable                  // none takes calls: 503
	appGone                         // within a dialog whose application is lost: 481
	appResults
)

var appResultNames = [appResults]string{appGiven: "given", appUnavailable: "unavailable", appGone: "gone"}

// countApplication counts what became of a call, or of what is within one.
func (r *request) countApplication(result appResult) {
	if !r.stateless && (result == appGone || r.msg.Method() == wire.MethodInvite && r.losses == 0) {
		r.s.metrics.applications[result].Inc()
	}
}

package demo

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/peer"
)

// result is what the kill cost.
type result struct {
	victim                string
	phones, calls         int
	patience              time.Duration
	rehomed               int // phones whose home the victim was
	registered            int
	callable, byes        int
	callableAgain         int
	ringing               phones.Outcome // calls that rang when the proxy was killed
	killed                time.Time
	over                  transports
	onEach                [flow.Transports]phones.Outcome // of callable
	waited                phones.Outcome                  // calls to phones that had lost their connection
	slowestWaited         time.Duration                   // after the phone was back
	reconnected           phones.Outcome                  // of those that had
	slowestBack           time.Duration                   // after the kill
	firstCall             time.Duration                   // 0 where there was none
	detected, ringRebuilt time.Duration                   // of the slowest survivor; 0 where unseen
}

// observe notes a survivor's event. The survivor leaves pending once its ring
// changed after it lost the victim.
func (r *result) observe(survivor string, victim uint32, e peer.Event, pending map[string]bool) {
	after := time.Unix(0, e.UnixNano).Sub(r.killed)
	switch {
	case e.Kind == peer.EventPeerLost && e.Member == victim:
		r.detected = max(r.detected, after)
	case e.Kind == peer.EventRingChanged && pending[survivor]:
		r.ringRebuilt = max(r.ringRebuilt, after)
		delete(pending, survivor)
	}
}

// lost tells whether the demo failed.
func (r *result) lost() bool {
	return r.registered < r.phones || r.callable < r.phones || r.byes < r.calls || r.callableAgain < r.phones ||
		!r.ringing.Whole() || !r.waited.Whole() || !r.reconnected.Whole()
}

func (r *result) print(out io.Writer) {
	fmt.Fprintf(out, "\nSIGKILL of %s, one of the cluster's proxies\n", r.victim)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "  loss noticed by every survivor after\t%s\n", ms(r.detected))
	fmt.Fprintf(w, "  new effective ring on every survivor after\t%s\n", ms(r.ringRebuilt))
	fmt.Fprintf(w, "  phones whose home it was\t%d\n", r.rehomed)
	fmt.Fprintf(w, "  first call to one of them answered after\t%s\n", ms(r.firstCall))
	fmt.Fprintf(w, "  registrations lost\t%d of %d\n", r.phones-r.registered, r.phones)
	r.printCallable(w)
	fmt.Fprintf(w, "  in-dialog requests (BYE) answered after the kill\t%d of %d\n", r.byes, r.calls)
	fmt.Fprintf(w, "  calls lost\t%d of %d\n", r.calls-r.byes, r.calls)
	fmt.Fprintf(w, "  calls ringing at the kill: lost\t%d of %d\n", r.ringing.Of-r.ringing.OK, r.ringing.Of)
	fmt.Fprintf(w, "  phones callable once it is back, empty\t%d of %d\n", r.callableAgain, r.phones)
	_ = w.Flush()
	fmt.Fprintln(out)
}

// printCallable writes which phones could be called: those without a connection as if
// nothing had happened.
func (r *result) printCallable(w io.Writer) {
	if len(r.over) == 0 {
		fmt.Fprintf(w, "  phones callable within %s without registering again\t%d of %d\n", r.patience, r.callable, r.phones)
		return
	}
	for _, t := range r.over {
		how := "without registering again"
		if t.Reliable() {
			how = "of being connected"
		}
		fmt.Fprintf(w, "  phones on %s callable within %s %s\t%d of %d\n", t, r.patience, how, r.onEach[t].OK, r.onEach[t].Of)
	}
	if !r.over.connected() {
		return
	}
	fmt.Fprintf(w, "  phones whose connection ended with it, back after 1 s\t%d of %d, the last after %s\n", r.reconnected.OK, r.reconnected.Of, ms(r.slowestBack))
	fmt.Fprintf(w, "  calls that waited for one of them, delivered\t%d of %d, %s after it was back at most\n", r.waited.OK, r.waited.Of, ms(r.slowestWaited))
}

// ms writes a time that was measured; 0 is one that never came.
func ms(d time.Duration) string {
	if d == 0 {
		return "not seen"
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

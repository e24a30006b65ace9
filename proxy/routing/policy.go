package routing

import (
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/wire"
)

// Verdict is what a Policy makes of a request.
type Verdict uint8

// The verdicts.
const (
	// Next: the policy has nothing to say, the next one is asked.
	Next Verdict = iota
	// Decided: the Decision is made.
	Decided
	// Wait: the policy cannot tell yet. It calls Decision.Resume when it can, and
	// the request waits till then.
	Wait
)

// Policy is one thing to check of a request, or to decide it by. It is a pure
// function, or keeps its own state safe for concurrent use.
type Policy struct {
	// Name in snake case, for logs.
	Name string
	// Check looks at m and at what is in d so far. With Decided it has filled d in;
	// with Wait, d is not the chain's until Resume.
	Check func(t *Tables, m *wire.Message, d *Decision) Verdict
}

// Checks are policies of the proxy's that know more than a request and Tables:
// rates, credentials, rights.
type Checks struct {
	// Arrival are asked before all others: nothing is known of the request but
	// where it came from, and that it is well-formed.
	Arrival []Policy
	// Authorize are RFC 3261 16.3 step 6 and 10.3 steps 3 and 4. The request's own
	// Routes are taken off and its token, if it has one that verifies, is in the
	// Decision; nothing is decided yet.
	Authorize []Policy
	// Replayed fills in the answer to a request whose Proof another one has used up, as
	// the home of the address-of-record finds out; nil: there are no Proofs.
	Replayed func(m *wire.Message, d *Decision)
	// Begins counts a call of a Sender.Caller that is being set up from now on, and reports
	// whether that is not one too many: then it is not counted, and the Decision gets the
	// answer. Ends takes one off that was counted. Without a Caller both may be nil.
	Begins func(caller uint64, d *Decision) bool
	Ends   func(caller uint64)
	// Doubts reports whether what a response from an address says of who sends it is not
	// passed on; nil: all is.
	Doubts func(from netip.Addr) bool
}

// chain is all that a request is asked, in order. Each policy may rely on those
// before it. The last one decides whatever is left.
func chain(c Checks) []Policy {
	policies := slices.Clone(c.Arrival)
	policies = append(policies,
		Policy{"request_uri", checkRequestURI},
		Policy{"scheme", checkScheme},
		Policy{"max_forwards", checkMaxForwards},
		Policy{"loop", checkLoop},
		Policy{"proxy_require", checkProxyRequire},
		Policy{"routes", takeRoutes},
		Policy{"forged_token", checkForged},
	)
	policies = append(policies, c.Authorize...)
	return append(policies,
		Policy{"application", checkApplication},
		Policy{"register", decideRegister},
		Policy{"foreign_route", checkForeignRoute},
		Policy{"dialog", decideDialog},
		Policy{"maddr", checkMaddr},
		Policy{"own_address", decideOwn},
		Policy{"sips", checkSIPS},
		Policy{"aor", decideAOR},
		Policy{"contact", decideContact},
		Policy{"foreign_domain", decideForeign},
	)
}

// Decide asks the policies what to do with a request that Message.Validate
// passed. ACK and CANCEL are to be offered to their transactions first. With Wait
// the decision is made when d.Done is called; m and d must be left alone until
// then. Else it is made now.
func (t *Tables) Decide(m *wire.Message, d *Decision) Verdict {
	d.reset()
	d.tables, d.request = t, m
	return d.ask()
}

// ask goes on with the policies. After a Wait d is the waiting policy's.
func (d *Decision) ask() Verdict {
	for policies := d.tables.policies; d.asked < len(policies); {
		check := policies[d.asked].Check
		d.asked++
		if v := check(d.tables, d.request, d); v != Next {
			return v
		}
	}
	return Decided
}

// Resume ends the wait of a policy that has said Wait, with Next or Decided. It is
// called once for each Wait, on any goroutine, also before Check returns.
func (d *Decision) Resume(v Verdict) {
	if v == Next {
		v = d.ask()
	}
	if v == Decided {
		d.Done()
	}
}

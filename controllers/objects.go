package controllers

import (
	"context"
	"errors"
	"fmt"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
)

// outcome is what a pass did: what it could not carry out, what it held back, if
// anything, the generation of the StatefulSet that it asked for, which the cache
// may not show yet, how far the rotation of keys is, and what is wrong with the Secrets
// that hold the users' credentials, or the listeners' certificates.
type outcome struct {
	faults      []fault
	held        *hold
	generation  int64
	rotated     rotated
	credentials *trouble
	// translated says that the proxies do not see the phones' addresses; nil where nothing
	// does.
	translated *translation
	// applications beside the members, where there are any.
	applications []membership.Application
}

// step applies one object.
type step struct {
	name  string
	apply func(context.Context, *observation) error
}

// objects are all that a SIPCluster is made of, but for what Publish writes.
type objects struct {
	foundation []step // of the pods
	pods       step
	paused     []step // instead of all that, with spec.paused
}

func newObjects(o *Options, writer *writer, rollouts *rollouts) *objects {
	keys, trust := &keys{client: o.Client, live: o.Live, metrics: o.Metrics}, &trust{writer}
	privileges := newPrivileges(o.Live, o.Now)
	access, services, policies := &access{writer}, &services{o.Client, writer}, &policies{o.Client, writer}
	return &objects{
		foundation: []step{
			{"namespace", privileges.check},
			{"keys", keys.apply},
			{"trust", trust.apply},
			{"access", access.apply},
			{"services", services.apply},
			{"disruption budget", policies.applyBudget},
			{"network policy", policies.applyNetworkPolicy},
		},
		pods:   step{"stateful set", rollouts.apply},
		paused: []step{{"trust", trust.apply}, {"pause", rollouts.keep}},
	}
}

// apply carries out everything but what Publish does, or with spec.paused what
// publishing rests on. A step that fails does not hold up those after it, save that
// pods are not started on half a foundation, and that an API server that does not
// answer is not asked again in the same pass.
func (o *objects) apply(ctx context.Context, seen *observation) (faults []fault, held *hold) {
	late := false
	run := func(steps ...step) {
		for _, s := range steps {
			if late {
				return
			}
			if err := s.apply(ctx, seen); err != nil && !errors.As(err, &held) {
				faults = append(faults, classify(fmt.Errorf("%s: %w", s.name, err), v1alpha1.ReasonApplyFailed))
				late = isLate(err)
			}
		}
	}
	if seen.cluster.Spec.Paused {
		run(o.paused...)
		return faults, held
	}
	run(o.foundation...)
	if len(faults) == 0 || seen.statefulSet != nil {
		run(o.pods)
	}
	return faults, held
}

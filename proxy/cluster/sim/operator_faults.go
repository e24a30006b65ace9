package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// absence takes the operator away for up to a minute: nothing is published while other things go wrong.
func (o *operator) absence(then func()) {
	w := o.w
	w.count("absences of the operator")
	o.backAt = w.now + w.between(5, 60)*second
	w.trace("the operator is away until %d", o.backAt/second)
	w.after(w.between(0, second), then)
}

// overlook has the operator take a member for not ready that is, as one whose kubelet is dead, while other things go
// wrong.
func (o *operator) overlook(then func()) {
	w := o.w
	w.count("members overlooked")
	p := w.saboteur.victim()
	o.unseen[p.id] = w.now + w.between(3, 40)*second
	w.trace("m%d is not seen to be ready", p.id)
	w.after(w.between(0, 25)*second, then)
}

// rival has a leader that was replaced publish what it knows: in an epoch that is over, in the one in force, or in the
// next, which the leader publishes too, with other content. The leader then finds that and publishes another.
func (o *operator) rival(then func()) {
	w := o.w
	old := o.past[w.rng.IntN(len(o.past))]
	set := o.current()
	for i := range set.Members {
		if m, ok := old.Member(set.Members[i].ID); !ok {
			set.Members[i].State = config.Joining
		} else if set.Members[i].State != config.Draining {
			set.Members[i].State = m.State
		}
	}
	for _, m := range old.Members {
		if _, ok := set.Member(m.ID); !ok && w.rng.IntN(2) == 0 {
			set.Members = append(set.Members, m) // it is gone since
		}
	}
	set.Epoch = o.epoch + uint64(w.rng.IntN(3)) - 1
	if set.Epoch == 0 {
		set.Epoch = o.epoch + 1
	}
	slices.SortFunc(set.Members, func(a, b config.Member) int { return int(a.ID) - int(b.ID) })
	w.count("rival leaders")
	w.trace("a rival publishes epoch %d:%s", set.Epoch, describe(set))
	for _, p := range w.living() {
		if w.rng.IntN(2) == 0 {
			o.tell(p, set)
		}
	}
	w.after(w.between(0, second), o.publish)
	w.after(w.between(1000, 3000)*ms, func() {
		o.publish()
		w.after(1500*ms, then)
	})
}

// changeReplicas publishes another number of replicas. Until all is at rest the lesser is promised.
func (o *operator) changeReplicas(then func()) {
	w := o.w
	o.byOperator(func() {
		was, n := o.replicas, o.replicas
		for n == was {
			n = 1 + w.rng.IntN(3)
		}
		w.count("changes of replicas")
		w.trace("replicas %d, were %d", n, was)
		o.replicas = n
		w.replicas = min(was, n)
		o.publish()
		w.after(w.between(1500, 4000)*ms, func() {
			w.director.rest(func() {
				w.replicas = n
				then()
			})
		})
	})
}

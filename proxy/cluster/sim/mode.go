package sim

// rules are what may happen in a world.
type rules struct {
	faults []chance // one of them at a time

	eager  bool  // the next fault comes as soon as all are synced and have met, whatever the operator has published
	few    bool  // the world begins with as little as one member
	skew   int64 // how far clocks are off, at most, ms
	looks  int64 // how long the operator looks before it believes what it sees, at most, ms
	gossip bool  // half the members are told a set by the operator only late: they hear of it from their peers
	bulk   bool  // a partition is much: it takes seconds to fetch

	stops   bool // processes are stopped for seconds
	freezes bool // and their clocks with them
	short   int  // weight of bindings of a few seconds
	long    bool // time passes between the faults
	ends    bool // at the end all members are told to leave

	star, fetch, again, reset bool // what phones do beside registering, refreshing and unregistering
	strays                    bool // copies of requests arrive late
	thieves                   bool // what phones prove is used again by others
	claims                    bool // members claim the flows of phones

	budget int // bytes that bindings may take in a core, 0 without bound
}

// chance is a fault and how often it comes, beside the others.
type chance struct {
	fault  trouble
	weight int
}

// trouble has something go wrong, or change, and calls then when that is over.
type trouble func(then func())

// Mode is a kind of world, by what it adds to the one in which members crash, join, leave and lose streams.
type Mode struct {
	// Name of the mode, as in -run 'TestSim/^name$'.
	Name string
	add  func(*world)
}

// Modes returns every mode.
func Modes() []Mode { return append(single(), Mode{"all", someOfAll}) }

// single are the modes of which "all" takes some.
func single() []Mode {
	return []Mode{
		{"base", func(w *world) { w.stops = w.rng.IntN(2) == 0 }},
		{"hard", func(w *world) { w.eager = true }},
		{"few", func(w *world) { w.eager, w.few = w.rng.IntN(2) == 0, true }},
		{"operator", func(w *world) {
			w.eager, w.looks = true, 20_000
			w.sometimes(w.operator.absence, 4)
			w.sometimes(w.operator.overlook, 3)
		}},
		{"sets", func(w *world) { w.eager, w.gossip = w.rng.IntN(2) == 0, true }},
		{"epochs", func(w *world) { w.sometimes(w.operator.rival, 12) }},
		{"replicas", func(w *world) { w.sometimes(w.operator.changeReplicas, 8) }},
		{"suspicion", func(w *world) {
			w.eager = true
			w.sometimes(w.saboteur.suspicion, 20)
		}},
		{"bulk", func(w *world) {
			w.bulk = true
			w.sometimes(w.saboteur.suspicion, 10)
		}},
		{"partition", func(w *world) { w.sometimes(w.cuts.partition, 12) }},
		{"partial", func(w *world) { w.sometimes(w.cuts.partialCut, 12) }},
		{"oneway", func(w *world) { w.sometimes(w.cuts.oneWayCut, 12) }},
		{"cutoff", func(w *world) { w.sometimes(w.saboteur.cutOffStart, 12) }},
		{"leave", func(w *world) {
			w.eager, w.ends = w.rng.IntN(2) == 0, true
			w.sometimes(w.supervisor.leaveShort, 12)
		}},
		{"clocks", func(w *world) { w.skew, w.short = 900_000, 4 }},
		{"slow", func(w *world) { w.sometimes(w.saboteur.slowProcess, 8) }},
		{"queues", func(w *world) { w.sometimes(w.saboteur.fullQueues, 12) }},
		{"expiry", func(w *world) { w.stops, w.short = true, 8 }},
		{"frozen", func(w *world) {
			w.freezes = true
			w.sometimes(w.saboteur.freeze, 12)
		}},
		{"contacts", func(w *world) { w.star, w.fetch, w.again = true, true, true }},
		{"restarts", func(w *world) { w.reset, w.long, w.short = true, true, 3 }},
		{"budget", func(w *world) { w.budget, w.short = int(w.between(1<<10, 12<<10)), 6 }},
		{"replays", func(w *world) { w.thieves, w.fetch, w.short = true, true, 4 }},
		{"claims", func(w *world) { w.claims, w.short, w.eager = true, 4, w.rng.IntN(2) == 0 }},
		{"strays", func(w *world) { w.strays, w.short, w.long = true, 3, w.rng.IntN(2) == 0 }},
	}
}

// someOfAll takes every other mode with a chance, so that each meets each.
func someOfAll(w *world) {
	for _, m := range single() {
		if w.rng.IntN(3) == 0 {
			m.add(w)
		}
	}
	w.star = false // what one phone's Contact: * does to another's bindings is only known where nothing else is under way
}

// ordinary are the faults of every world.
func (w *world) ordinary() {
	w.skew, w.looks, w.short = 5000, 600, 2
	w.sometimes(w.supervisor.join, 2)
	w.sometimes(w.supervisor.drain, 2)
	w.sometimes(w.saboteur.blips, 3)
	if w.replicas > 1 {
		w.sometimes(w.saboteur.absentSeconds, 4)
		w.sometimes(w.saboteur.absentMoment, 4)
		w.sometimes(w.saboteur.replace, 2)
		w.sometimes(w.saboteur.together, 10)
	}
}

func (w *world) sometimes(f trouble, weight int) { w.faults = append(w.faults, chance{f, weight}) }

// nextFault draws one.
func (w *world) nextFault() trouble {
	weights := make([]int, len(w.faults))
	for i, c := range w.faults {
		weights[i] = c.weight
	}
	return w.faults[w.pick(weights...)].fault
}

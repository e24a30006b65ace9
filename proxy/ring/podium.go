package ring

// podium keeps the few highest scores entered into it, by falling score.
// Of equal scores the first to enter stands higher.
type podium struct {
	taken  int
	bar    uint64 // the lowest score on a full podium: what a newcomer must exceed
	scores []uint64
	who    []uint32 // index of the member with that score
}

func newPodium(places int) *podium {
	return &podium{scores: make([]uint64, places), who: make([]uint32, places)}
}

func (p *podium) clear() { p.taken = 0 }

// offer enters a score if it is among the highest so far.
func (p *podium) offer(score uint64, who uint32) {
	if p.taken < len(p.scores) || (p.taken > 0 && score > p.bar) {
		p.enter(score, who)
	}
}

// enter puts a score in its place, in that of the lowest when the podium is
// full. The caller has made sure that it belongs there.
func (p *podium) enter(score uint64, who uint32) {
	if p.taken < len(p.scores) {
		p.taken++
	}
	at := p.taken - 1
	for at > 0 && p.scores[at-1] < score {
		p.scores[at], p.who[at] = p.scores[at-1], p.who[at-1]
		at--
	}
	p.scores[at], p.who[at] = score, who
	p.bar = p.scores[p.taken-1]
}

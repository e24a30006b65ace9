package cluster

import "slices"

// partition is one partition as this member has it. What it has changes in partitions.become alone.
type partition struct {
	holding   holding
	alone     bool   // held, but concluded while members that might know better were away
	first     bool   // held, concluded where there was nobody else, and no other has held it since
	demoted   bool   // filling as one of these is in doubt
	kept      bool   // filling, and was held before: what is here is needed, owned or not
	served    bool   // by whomever, as far as this member knows: there may be bindings
	writes    int32  // writes under way that were ordered here
	announced uint32 // number of the announcement of holding
	strayAt   int64  // when a record was last stored here while none
	fill      *fill  // while filling
	holders   []holder
	coverage  coverage // while leaving or none
}

// holding is what a member has of a partition, and what it tells the others.
type holding uint8

const (
	// none: nothing that counts.
	none holding = iota
	// filling: gets every update from now on, and fetches what was before.
	filling
	// held: has everything acknowledged, and owns it.
	held
	// leaving: has everything acknowledged, does not own it, and will drop it when its owners hold it.
	leaving
)

// String returns the name used in status.
func (h holding) String() string {
	return [...]string{"none", "filling", "held", "leaving"}[h]
}

// serves reports whether reads may be answered and updates ordered.
func (h holding) serves() bool { return h == held || h == leaving }

// holder is another member that holds the partition, or is about to.
type holder struct {
	id      uint32
	holding holding
}

// setHolder notes what another member holds.
func (p *partition) setHolder(id uint32, h holding) {
	p.served = p.served || h.serves()
	for i := range p.holders {
		if p.holders[i].id == id {
			if h == none {
				p.holders = slices.Delete(p.holders, i, i+1)
			} else {
				p.holders[i].holding = h
			}
			return
		}
	}
	if h != none {
		p.holders = append(p.holders, holder{id, h})
	}
}

// holdingOf returns what another member holds.
func (p *partition) holdingOf(id uint32) holding {
	for _, h := range p.holders {
		if h.id == id {
			return h.holding
		}
	}
	return none
}

// copies is how many members have all of the partition, this one among them.
func (p *partition) copies() (n int) {
	if p.holding.serves() {
		n++
	}
	for _, h := range p.holders {
		if h.holding.serves() {
			n++
		}
	}
	return n
}

// forgetHolder takes the member off the holders.
func (p *partition) forgetHolder(id uint32) {
	p.coverage.uncover(id)
	p.holders = slices.DeleteFunc(p.holders, func(h holder) bool { return h.id == id })
}

// inDoubt reports whether what is served was concluded while members that might know better were away.
func (p *partition) inDoubt() bool { return p.alone && p.holding.serves() }

// wantsCover reports whether it matters who else has what is here.
func (p *partition) wantsCover() bool {
	return p.holding == leaving || p.holding == none && p.strayAt > 0
}

// cover notes that the member has everything that is here.
func (p *partition) cover(id uint32) {
	if p.wantsCover() {
		p.coverage.add(id)
	}
}

// sending notes that the member is about to be sent the records from the cursor on.
func (p *partition) sending(id, tag, cursor uint32) {
	if cursor == 0 && p.wantsCover() {
		p.coverage.sending(id, tag)
	}
}

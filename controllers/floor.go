package controllers

import (
	"cmp"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// raised is the record with the floor that the cluster's proxies give it: they
// ignore a set that is older than the one they have in force, and after a restore
// neither the ConfigMap nor the status tells of that one.
//
// A proxy may lie, and epochs once used up do not come back. So the floor is what
// more than half of the running members say to have reached, and where that is
// above the record, what a single one says beyond it, up to epochGap.
func (o *observation) raised() record {
	known := o.record
	known.floor = max(known.floor, o.reached())
	return known
}

// reached is the epoch that the running members have reached by their Leases.
func (o *observation) reached() uint64 {
	var epochs []uint64 // of each running member, the highest first
	for _, lease := range o.running() {
		epoch := uint64(0)
		if lease != nil {
			epoch = config.ParseEpoch(lease.Annotations[config.AnnotationEpoch])
		}
		if epoch > maxUnsigned {
			epoch = 0
		}
		epochs = append(epochs, epoch)
	}
	if len(epochs) == 0 {
		return 0
	}
	slices.SortFunc(epochs, func(a, b uint64) int { return -cmp.Compare(a, b) })
	most := epochs[len(epochs)/2]
	recorded := o.record.floor
	if set := o.record.set; set != nil {
		recorded = max(recorded, set.Epoch)
	}
	if most <= recorded {
		return most // the record is not behind: who is ahead of it lies, or is alone
	}
	return min(epochs[0], most+epochGap)
}

// agreedSeed is the seed of the ring that more than half of the running members have
// by their Leases; zero where there is none. Proxies follow no set with another.
func (o *observation) agreedSeed() ring.Seed {
	running := o.running()
	votes := map[ring.Seed]int{}
	for _, lease := range running {
		var seed ring.Seed
		if lease == nil || seed.UnmarshalText([]byte(lease.Annotations[config.AnnotationSeed])) != nil {
			continue
		}
		if votes[seed]++; votes[seed] > len(running)/2 {
			return seed
		}
	}
	return ring.Seed{}
}

// running are the Leases of the members whose proxies run; nil for one that has none.
func (o *observation) running() []*coordinationv1.Lease {
	byName := make(map[string]*coordinationv1.Lease, len(o.leases))
	for i := range o.leases {
		byName[o.leases[i].Name] = &o.leases[i]
	}
	var leases []*coordinationv1.Lease
	for i := range o.pods {
		if p, ok := podInput(o.cluster, &o.pods[i]); ok && p.Running && !p.Deleting && !p.Finished {
			leases = append(leases, byName[p.Name])
		}
	}
	return leases
}

package controllers

import (
	"cmp"
	"slices"

	"github.com/sipring/sipring/proxy/config"
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
	said := make(map[string]uint64, len(o.leases))
	for i := range o.leases {
		if e := config.ParseEpoch(o.leases[i].Annotations[config.AnnotationEpoch]); e <= maxUnsigned {
			said[o.leases[i].Name] = e
		}
	}
	var epochs []uint64 // of each running member, the highest first
	for i := range o.pods {
		if p, ok := podInput(o.cluster, &o.pods[i]); ok && p.Running && !p.Deleting && !p.Finished {
			epochs = append(epochs, said[p.Name])
		}
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

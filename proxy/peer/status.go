package peer

import (
	"fmt"
	"slices"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/ring"
)

// Status is a snapshot of the cluster as one member sees it.
type Status struct {
	Cluster     string `json:"cluster"`
	ID          uint32 `json:"id"`
	Name        string `json:"name"`
	Incarnation string `json:"incarnation"`
	// Epoch of the member set in force.
	Epoch     uint64 `json:"epoch"`
	Advertise string `json:"advertise"`
	// Ready: joined, and holding what it owns.
	Ready bool `json:"ready"`
	// NotReady says why it is not.
	NotReady string `json:"notReady,omitempty"`
	Draining bool   `json:"draining"`
	// Partitions of the ring, and how many of them this member owns.
	Partitions PartitionStatus `json:"partitions"`
	// Bindings held here, live ones.
	Bindings BindingStatus `json:"bindings"`
	// Members of the published set.
	Members []MemberStatus `json:"members"`
}

// PartitionStatus counts partitions.
type PartitionStatus struct {
	Total   int `json:"total"`
	Home    int `json:"home"`
	Replica int `json:"replica"`
	// Filling is how many of those it owns or will own are not complete yet.
	Filling int `json:"filling"`
}

// BindingStatus counts bindings by the role in which they are held.
type BindingStatus struct {
	Home    int `json:"home"`
	Replica int `json:"replica"`
}

// MemberStatus is one member as this one sees it.
type MemberStatus struct {
	ID      uint32 `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Zone    string `json:"zone,omitempty"`
	State   string `json:"state"`
	// Liveness is up, down or unknown; of this member itself always up.
	Liveness string `json:"liveness"`
	// InRing: part of the effective ring.
	InRing bool `json:"inRing"`
	// Share of the partitions that it is home of, 0..1.
	Share float64 `json:"share"`
}

// Status returns a snapshot of the cluster as this member sees it.
func (n *Node) Status() Status {
	ready, reason := n.Ready()
	s := Status{
		Cluster: n.cfg.Cluster, ID: n.cfg.ID, Name: n.cfg.Name, Incarnation: fmt.Sprintf("%016x", n.Incarnation()),
		Ready: ready, NotReady: reason,
	}
	v := n.View()
	if v == nil {
		return s
	}
	stats := n.cores.stats()
	s.Epoch, s.Advertise = v.Epoch, v.Set.Advertise
	s.Partitions = n.partitions(v)
	s.Bindings = BindingStatus{Home: stats.HomeBindings, Replica: stats.Bindings - stats.HomeBindings}
	for _, m := range v.Members {
		s.Members = append(s.Members, MemberStatus{
			ID: m.ID, Name: m.Name, Address: m.Address, Zone: m.Zone, State: string(m.State), Liveness: m.Liveness.String(),
			InRing: slices.ContainsFunc(v.Ring.Members(), func(r ring.Member) bool { return r.ID == m.ID }), Share: v.Ring.Share(m.ID),
		})
		if m.ID == n.cfg.ID {
			s.Draining = m.Leaving
		}
	}
	return s
}

// partitions counts by the ring what this member is home and replica of.
func (n *Node) partitions(v *cluster.View) PartitionStatus {
	s := PartitionStatus{Total: v.Ring.Partitions(), Filling: n.cores.progress().Filling}
	for p := range s.Total {
		switch v.Ring.Rank(p, n.cfg.ID) {
		case -1:
		case 0:
			s.Home++
		default:
			s.Replica++
		}
	}
	return s
}

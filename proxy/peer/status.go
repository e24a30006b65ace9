package peer

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
	Ready    bool `json:"ready"`
	Draining bool `json:"draining"`
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
	// Live: this member itself, or one with an established stream.
	Live bool `json:"live"`
	// InRing: part of the effective ring.
	InRing bool `json:"inRing"`
	// Share of the partitions that it is home of, 0..1.
	Share float64 `json:"share"`
}

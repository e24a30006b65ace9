package admin

// Event is one thing that happened to the cluster as this proxy saw it.
type Event struct {
	// Seq numbers the events of one process from 1.
	Seq uint64 `json:"seq"`
	// UnixNano is the wall clock in nanoseconds since 1970.
	UnixNano int64 `json:"unixNano"`
	// Kind is what happened: peer_lost, ring_changed, rehomed, peer_back, synced...
	Kind string `json:"kind"`
	// Member is the ID of the member it is about, 0 if none.
	Member uint32 `json:"member,omitempty"`
	// Epoch of the member set at that time.
	Epoch uint64 `json:"epoch"`
	// Detail for people.
	Detail string `json:"detail,omitempty"`
}

// Backend is the proxy behind the pages. Its methods are called concurrently.
type Backend interface {
	// Ready reports whether the proxy holds what it owns, or why not.
	Ready() (ok bool, reason string)
	// Status returns a value that encoding/json can write.
	Status() any
	// Events returns the recent events after that sequence number, oldest first.
	Events(after uint64) []Event
}

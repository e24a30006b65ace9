package admin

// Event is one thing that happened to the cluster as this proxy saw it.
type Event struct {
	// Seq numbers the events of one process from 1.
	Seq uint64
	// Value is what is shown: anything that encoding/json can write.
	Value any
}

// Backend is the proxy behind the pages. Its methods are called concurrently.
type Backend interface {
	// Live reports whether the proxy makes steps, or what hangs. It must not wait
	// for what may hang.
	Live() (ok bool, reason string)
	// Ready reports whether the proxy holds what it owns, or why not.
	Ready() (ok bool, reason string)
	// Status returns a value that encoding/json can write.
	Status() any
	// Events returns the recent events after that sequence number, oldest first,
	// and a channel that is closed with the next one.
	Events(after uint64) ([]Event, <-chan struct{})
}

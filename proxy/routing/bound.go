package routing

// Bound says whether an address-of-record is bound where a request comes from.
type Bound uint8

// What a lookup finds.
const (
	// BoundUnknown: nobody can tell.
	BoundUnknown Bound = iota
	// BoundElsewhere: it is not bound there, or not at all.
	BoundElsewhere
	// BoundBeside: it is bound at that host, at another port.
	BoundBeside
	// BoundHere: it is bound at that address and port, where only its user can be.
	BoundHere
)

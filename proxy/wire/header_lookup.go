package wire

// Multipliers of headerHash, found by search; a test keeps it free of collisions.
const (
	hashLen    = 151
	hashFirst  = 6
	hashMiddle = 140
	hashLast   = 81
)

// headerSlots maps headerHash of every full name to its ID, without collisions; compactSlots maps compact forms.
var (
	headerSlots  = buildHeaderSlots()
	compactSlots = buildCompactSlots()
)

// headerHash is a perfect hash over the names in headerNames: length, first, middle and last letter tell them apart.
func headerHash[T []byte | string](name T) uint8 {
	n := len(name)
	return uint8(n)*hashLen + (name[0]|0x20)*hashFirst + (name[n/2]|0x20)*hashMiddle + (name[n-1]|0x20)*hashLast
}

func buildHeaderSlots() (slots [256]HeaderID) {
	for id := HeaderOther + 1; id < headerCount; id++ {
		slots[headerHash(headerNames[id].name)] = id
	}
	return slots
}

func buildCompactSlots() (slots [256]HeaderID) {
	for id, h := range headerNames {
		if h.compact != 0 {
			slots[h.compact] = HeaderID(id)
			slots[h.compact&^0x20] = HeaderID(id)
		}
	}
	return slots
}

// LookupHeader interns a header name in any case or its compact form (RFC 3261 7.3.3).
func LookupHeader[T []byte | string](name T) HeaderID {
	switch len(name) {
	case 0:
		return HeaderOther
	case 1:
		return compactSlots[name[0]]
	}
	id := headerSlots[headerHash(name)]
	want := headerNames[id].name
	if len(name) != len(want) {
		return HeaderOther
	}
	if string(name) == want {
		return id
	}
	for i := range len(want) {
		if Lower(name[i]) != Lower(want[i]) {
			return HeaderOther
		}
	}
	return id
}

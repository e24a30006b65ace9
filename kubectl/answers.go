package kubectl

// What the subcommands of sipring answer, as package proxy/control has it, which is
// of Linux alone.

// binding is a contact that is registered.
type binding struct {
	Contact              string  `json:"contact"`
	ExpiresSeconds       uint32  `json:"expiresSeconds"`
	Q                    float64 `json:"q"`
	CallID               string  `json:"callID"`
	CSeq                 uint32  `json:"cseq"`
	Instance             string  `json:"instance"`
	RegID                uint32  `json:"regID"`
	Received             string  `json:"received"`
	Listener             string  `json:"listener"`
	Owner                string  `json:"owner"`
	RegisteredSecondsAgo int64   `json:"registeredSecondsAgo"`
}

// whereAnswer is where an address-of-record belongs, and what the member that was
// asked has of it.
type whereAnswer struct {
	AOR       string   `json:"aor"`
	Partition int      `json:"partition"`
	Epoch     uint64   `json:"epoch"`
	Member    string   `json:"member"`
	Home      string   `json:"home"`
	Replicas  []string `json:"replicas"`
	Held      *held    `json:"held"`
}

// held is what a member has, and why: it is home, a replica, or none of the owners.
type held struct {
	Role     string    `json:"role"`
	Bindings []binding `json:"bindings"`
}

// registered is an address-of-record with what is registered for it.
type registered struct {
	AOR      string    `json:"aor"`
	Bindings []binding `json:"bindings"`
}

// pageAnswer is a part of what a member is home of.
type pageAnswer struct {
	Member string       `json:"member"`
	Epoch  uint64       `json:"epoch"`
	Items  []registered `json:"items"`
	Next   string       `json:"next"`
}

// removedAnswer is what was removed.
type removedAnswer struct {
	AOR     string   `json:"aor"`
	Removed []string `json:"removed"`
}

// Package answers is what a proxy answers at its control socket (package control), as JSON: for those who ask, on
// whatever system they do.
package answers

import "time"

// Binding is one live contact of an AOR.
type Binding struct {
	Contact        string  `json:"contact"`
	ExpiresSeconds uint32  `json:"expiresSeconds"`
	Q              float64 `json:"q"`
	// CallID and CSeq of the REGISTER that wrote it.
	CallID   string `json:"callID"`
	CSeq     uint32 `json:"cseq"`
	Instance string `json:"instance"`
	RegID    uint32 `json:"regID"`
	// Received is where that REGISTER came from and calls go to; empty where they go to the contact's own address.
	Received string `json:"received"`
	// Listener is what it came over.
	Listener string `json:"listener"`
	// Owner is the member that holds the connection; empty on UDP, which any sends over.
	Owner                string `json:"owner"`
	RegisteredSecondsAgo int64  `json:"registeredSecondsAgo"`
}

// Where says where an AOR belongs, and what the member that was asked has of it.
type Where struct {
	AOR       string `json:"aor"`
	Partition int    `json:"partition"`
	Epoch     uint64 `json:"epoch"`
	// Member is the one that was asked.
	Member string `json:"member"`
	// Home orders updates, Replicas hold copies, by the ring that Member has in force.
	Home     string   `json:"home"`
	Replicas []string `json:"replicas"`
	// Held is null where Member has nothing of the partition.
	Held *Held `json:"held"`
}

// Held is what a member has of an AOR.
type Held struct {
	// Role is home or replica by the ring, none of a member that still has what others own by now.
	Role     string    `json:"role"`
	Bindings []Binding `json:"bindings"`
}

// Item is an AOR and its live bindings.
type Item struct {
	AOR      string    `json:"aor"`
	Bindings []Binding `json:"bindings"`
}

// Page is a part of the AORs whose home Member is.
type Page struct {
	Member string `json:"member"`
	Epoch  uint64 `json:"epoch"`
	Items  []Item `json:"items"`
	// Next is the token to go on with, empty after the last page.
	Next string `json:"next"`
}

// Removed are the contacts of an AOR that were removed.
type Removed struct {
	AOR     string   `json:"aor"`
	Removed []string `json:"removed"`
}

// Why a trace has ended.
const (
	EndTime  = "time"
	EndCount = "count"
	EndRate  = "rate"  // so much was dropped that the rest tells little
	EndBytes = "bytes" // the answer has its length
	EndStop  = "stop"  // the proxy stops
)

// Message is one that was traced, redacted (package redact).
type Message struct {
	Time time.Time `json:"time"`
	// Direction is in or out.
	Direction string `json:"direction"`
	Local     string `json:"local"`
	Remote    string `json:"remote"`
	StartLine string `json:"startLine"`
	Message   string `json:"message"`
}

// End is the last line of a trace. Dropped messages were over the rate, or the reader was too slow for them.
type End struct {
	End     string `json:"end"`
	Dropped int    `json:"dropped"`
}

// Drain is how far a proxy has come that drains.
type Drain struct {
	// HandedOver: others hold all that it held.
	HandedOver bool `json:"handedOver"`
	// Calls that the application beside it has.
	Calls int `json:"calls"`
	// Drained: there is nothing left to wait for.
	Drained bool `json:"drained"`
}

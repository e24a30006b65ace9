package control

import (
	"bytes"
	"encoding/json"
)

// Marshal writes an answer as a line of JSON, in which SIP's angle brackets stay what they are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

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

// MaxPage is the most bytes of the items of a page together, unless one alone has more: that has less than two million.
const MaxPage = 2 << 20

// Size is what the item takes in a page, in bytes.
func (i *Item) Size() int {
	b, _ := Marshal(i) // of strings and numbers
	return len(b)
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

// Problem is an answer that is none: why, and the HTTP status to say so with.
type Problem struct {
	Status int    `json:"-"`
	Reason string `json:"error"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Reason }

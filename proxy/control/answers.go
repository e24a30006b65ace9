package control

import (
	"bytes"
	"encoding/json"

	"github.com/sipring/sipring/proxy/control/answers"
)

// Marshal writes an answer as a line of JSON, in which SIP's angle brackets stay what they are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// MaxPage is the most bytes of the items of a page together, unless one alone has more: that has less than two million.
const MaxPage = 2 << 20

// Size is what an item takes in a page, in bytes.
func Size(i *answers.Item) int {
	b, _ := Marshal(i) // of strings and numbers
	return len(b)
}

// Problem is an answer that is none: why, and the HTTP status to say so with.
type Problem struct {
	Status int    `json:"-"`
	Reason string `json:"error"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Reason }

package peer

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestHelloOfV01 is taken by every later version that speaks its protocol still. The
// file never changes.
func TestHelloOfV01(t *testing.T) {
	b, err := os.ReadFile("testdata/v0.1/hello")
	if err != nil {
		t.Fatal(err)
	}
	self := &hello{Version: protocolVersion, Oldest: oldestProtocol, Cluster: "ring", ID: 1, Incarnation: 9}
	h, err := readHello(readConn{r: bytes.NewReader(b)}, self)
	if err != nil {
		t.Fatal(err)
	}
	if h.ID != 3 || h.Name != "ring-2" || h.Incarnation != 7 || h.Epoch != 12 || !h.Synced || h.Leaving || !h.Beats || !h.Vouches || h.Ring.Partitions != 16384 {
		t.Errorf("it is read as %+v", h)
	}
}

// TestHelloOfAnotherVersion: with a field that is not known, and of a protocol that
// both speak, it is taken; else it is refused in words.
func TestHelloOfAnotherVersion(t *testing.T) {
	self := &hello{Version: 5, Oldest: 4, Cluster: "ring", ID: 1, Incarnation: 9}
	for theirs, ok := range map[string]bool{
		`"version":5`: true,
		`"version":5,"oldest":4,"compresses":"all"`: true,
		`"version":6,"oldest":5`:                    true,
		`"version":4`:                               true,
		`"version":9,"oldest":1`:                    true,
		`"version":6`:                               false,
		`"version":7,"oldest":6`:                    false,
		`"version":3`:                               false,
		`"version":3,"oldest":2`:                    false,
	} {
		text := `{` + theirs + `,"cluster":"ring","id":3,"name":"ring-2","incarnation":7}`
		_, err := readHello(readConn{r: bytes.NewReader(appendFrame(nil, kindHello, []byte(text)))}, self)
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "this member 4 to 5: they are more than one minor version apart") {
			t.Errorf("%s: %v, want it taken: %v", theirs, err, ok)
		}
	}
}

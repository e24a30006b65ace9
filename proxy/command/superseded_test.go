package command

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestSupersededProcessEndsItsConnections: phones with connections to a process that the
// member set knows of no more are not left there, though nobody sends anything.
func TestSupersededProcessEndsItsConnections(t *testing.T) {
	f := newFolder(t, 1)
	f.withTLS("tls")
	f.certify("tls", time.Now().Add(time.Hour))
	f.start("m1", "--address", f.set.Members[0].Address, "--keys", f.file("keys.json"))
	f.await(1, "/readyz", ready)
	c := f.dialTLS(1)
	ping(t, 0, c)
	own := f.set.Members[0].Address
	f.set.Epoch, f.set.Members[0].Address = 2, strings.Replace(own, "127.", "126.", 1)
	f.publish()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection: %v, want its end", err)
	}
	f.set.Members[0].Address = own
}

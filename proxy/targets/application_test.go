package targets

import (
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// TestApplicationsAreTriedOneByOne: they take one place of a request's breadth, and none
// that others need at the same time (RFC 5393 5.3.3).
func TestApplicationsAreTriedOneByOne(t *testing.T) {
	list := AppendApplications(nil, []uint32{3, 1}, 5080, nil, []byte("sip:room@example.com"), false)
	if !Share(list, 1) || list[0].Group != list[1].Group || list[0].Held != flow.ToLocal(3, 5080) || list[1].Breadth != 1 {
		t.Errorf("%+v", list)
	}
	last := AppendApplications([]Target{{URI: []byte("sip:bob@192.0.2.1")}}, []uint32{3, 1}, 5080, nil, nil, true)
	if !Share(last, 1) || last[0].Breadth != 1 || last[2].Breadth != 1 {
		t.Errorf("after what is registered: %+v", last)
	}
}

// TestNamesOfApplications: one that does not depend on whose the call is.
func TestNamesOfApplications(t *testing.T) {
	list := AppendApplications(nil, []uint32{3, 1}, 5080, nil, nil, false)
	again := AppendApplications(nil, []uint32{1}, 5080, nil, nil, true)
	room := []byte("sip:room@example.com")
	if a, b, c := list[0].AppendName(nil, room), list[1].AppendName(nil, room), again[0].AppendName(nil, room); string(a) == string(b) || string(b) != string(c) {
		t.Errorf("%q, %q, %q", a, b, c)
	}
}

// TestDialogOfAnApplication: its token says where that is, and nothing in the request.
func TestDialogOfAnApplication(t *testing.T) {
	d := routing.Decision{ToCallee: true, Token: &token.Token{Callee: flow.ToLocal(3, 5080), CalleeNAT: true}, NextRoute: []byte("sip:192.0.2.66")}
	m := &wire.Message{}
	if err := m.Scan([]byte("BYE sip:a@192.0.2.66 SIP/2.0\r\n\r\n"), nil); err != nil {
		t.Fatal(err)
	}
	if to, moved := OfDialog(m, &d, nil, true); moved || to.Held != flow.ToLocal(3, 5080) || to.Failed || to.Strict != nil {
		t.Errorf("%+v, moved %v", to, moved)
	}
}

package token

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// ownedBy is a UDP flow by way of a member.
func ownedBy(owner, life uint32, addr string) flow.Flow {
	f := udp(addr)
	f.Owner, f.Life = owner, life
	return f
}

// A token keeps the owners of UDP flows, and grows by no more than 7 bytes for one and 13 for two.
func TestOwnersOfFlows(t *testing.T) {
	keys := testKeys(t, 1)
	plain, other := udp("192.0.2.10:5060"), udp("198.51.100.20:49152")
	tcp := flow.Flow{Remote: other.Remote, Transport: flow.TCP, Conn: 5, Owner: 3, Life: 9}
	short, long := []byte("sip:bob@example.com"), bytes.Repeat([]byte("b"), MaxAOR)
	for name, tt := range map[string]struct {
		caller, callee flow.Flow
		aor            []byte // of the callee
		grows          int    // bytes
		noAOR          bool   // there is no room for it
	}{
		"none":                   {plain, other, nil, 0, false},
		"caller":                 {ownedBy(7, 9, "192.0.2.10:5060"), other, nil, 7, false},
		"callee":                 {plain, ownedBy(65535, 1<<32-1, "198.51.100.20:49152"), nil, 7, false},
		"both":                   {ownedBy(7, 9, "192.0.2.10:5060"), ownedBy(1, 1, "198.51.100.20:49152"), nil, 13, false},
		"with a connection":      {ownedBy(7, 9, "192.0.2.10:5060"), tcp, short, 7, false},
		"of a long name":         {ownedBy(7, 9, "192.0.2.10:5060"), tcp, long[:MaxAOR-7], 7, false},
		"of a longer name":       {ownedBy(7, 9, "192.0.2.10:5060"), tcp, long, 7 - MaxAOR, true},
		"no owner's connection":  {plain, tcp, long, 0, false},
		"who cannot be written":  {ownedBy(1<<16, 9, "192.0.2.10:5060"), other, nil, 0, false},
		"whose life is not told": {ownedBy(7, 0, "192.0.2.10:5060"), other, nil, 0, false},
	} {
		want := &Token{Caller: tt.caller, Callee: tt.callee, Made: 7, CallerNAT: true, CalleeEnd: End{AOR: tt.aor}}
		s := keys.AppendToken(nil, want, callID)
		var got Token
		if err := keys.ParseToken(s, callID, &got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		caller, callee := tt.caller, tt.callee
		if !owns(caller) {
			caller = caller.WithoutOwner()
		}
		if got.Caller != caller || got.Callee != callee || !bytes.Equal(got.CalleeEnd.AOR, tt.aor) != tt.noAOR || !got.CallerNAT {
			t.Errorf("%s: read %+v", name, got)
		}
		if again := keys.AppendToken(nil, &got, callID); !bytes.Equal(again, s) {
			t.Errorf("%s: written again it is another", name)
		}
		bare := &Token{Caller: tt.caller.WithoutOwner(), Callee: tt.callee.WithoutOwner(), Made: 7, CallerNAT: true, CalleeEnd: End{AOR: tt.aor}}
		if grows := len(want.appendBody(nil)) - len(bare.appendBody(nil)); grows != tt.grows {
			t.Errorf("%s: grows by %d bytes, want %d", name, grows, tt.grows)
		}
	}
}

// Members of a version that knows of no owners read all else of the token.
func TestOwnersArePassedOver(t *testing.T) {
	tok := &Token{Caller: ownedBy(7, 9, "192.0.2.10:5060"), Callee: udp("198.51.100.20:49152"), Made: 7, CalleeEnd: End{AOR: []byte("sip:b@c")}}
	r := reader{rest: tok.appendCallee(nil)}
	if aor := r.aor(); r.bad || len(r.rest) > 0 || aor != nil { // as those read it
		t.Errorf("bad %v, %d bytes left, address-of-record %q", r.bad, len(r.rest), aor)
	}
}

// What a key holder has signed that appendCallee never writes is refused.
func TestSenselessOwners(t *testing.T) {
	keys := testKeys(t, 1)
	tok := &Token{Caller: ownedBy(7, 9, "192.0.2.10:5060"), Callee: udp("198.51.100.20:49152"), Made: 7}
	body := append([]byte{version, keys.Current(), 0}, tok.appendBody(nil)...)
	at := bytes.IndexByte(body, ownersMark)
	for name, edit := range map[string]func([]byte) []byte{
		"as it is":         nil,
		"no flags":         func(b []byte) []byte { b[at+2] = 0; return b },
		"another flag":     func(b []byte) []byte { b[at+2] |= 4; return b },
		"of both":          func(b []byte) []byte { b[at+2] |= calleeOwned; return b },
		"nobody":           func(b []byte) []byte { b[at+3], b[at+4] = 0, 0; return b },
		"in no life":       func(b []byte) []byte { clear(b[at+5 : at+9]); return b },
		"cut short":        func(b []byte) []byte { b[at+1]--; return b[:len(b)-1] },
		"of a TCP caller":  func(b []byte) []byte { b[headSize] = byte(flow.TCP)<<4 | b[headSize]&0xf; return b },
		"nothing in there": func(b []byte) []byte { b[at+1] = 0; return b[:at+2] },
	} {
		b := slices.Clone(body)
		if edit != nil {
			b = edit(b)
		}
		var got Token
		if err := keys.ParseToken(sign(keys, b), callID, &got); (err == nil) != (edit == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

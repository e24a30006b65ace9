package token

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// operations are what the proxy does with each message, in steady state.
func operations(t testing.TB) map[string]func() {
	keys := testKeys(t, 1, 2)
	call, got := callToken(), &Token{}
	token := keys.AppendToken(nil, call, callID)
	tx := keys.TxID(rfc3261Tx())
	txIDs := make([]TxID, 0, MaxKeys)
	branch := keys.AppendBranch(nil, Branch{Tx: tx})
	fields, old, loop := rfc3261Tx(), rfc2543Tx(), loopFields()
	target := []byte("sip:bob@192.0.2.4:5060")
	buf := make([]byte, 0, MaxToken)
	return map[string]func(){
		"AppendToken": func() { buf = keys.AppendToken(buf[:0], call, callID) },
		"ParseToken": func() {
			if err := keys.ParseToken(token, callID, got); err != nil {
				t.Fatal(err)
			}
		},
		"ParseToken, forged": func() {
			token[20] ^= 1
			if keys.ParseToken(token, callID, got) == nil {
				t.Fatal("forged token accepted")
			}
			token[20] ^= 1
		},
		"TxID":           func() { tx = keys.TxID(fields) },
		"TxID, RFC 2543": func() { tx = keys.TxID(old) },
		"AppendTxIDs":    func() { txIDs = keys.AppendTxIDs(txIDs[:0], fields) },
		"Target":         func() { keys.Target(tx, target) },
		"LoopHash":       func() { keys.LoopHash(tx, loop) },
		"AppendBranch":   func() { buf = keys.AppendBranch(buf[:0], Branch{Tx: tx}) },
		"ParseBranch": func() {
			if _, ok := keys.ParseBranch(branch); !ok {
				t.Fatal("branch not ours")
			}
		},
		"ParseBranch, foreign": func() {
			if _, ok := keys.ParseBranch(token[:BranchLen]); ok {
				t.Fatal("branch ours")
			}
		},
	}
}

func Benchmark(b *testing.B) {
	for name, op := range operations(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op()
			}
		})
	}
}

func TestNothingAllocatesInSteadyState(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops what it is given at random")
	}
	for name, op := range operations(t) {
		t.Run(name, func(t *testing.T) {
			if allocs := testing.AllocsPerRun(200, op); allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

// TestTokensStaySmall: a Record-Route must leave a UDP request below 1300 bytes
// (RFC 3261 section 18.1.1).
func TestTokensStaySmall(t *testing.T) {
	remote := func(f *flow.Flow, addr string) { f.Remote = netip.MustParseAddrPort(addr) }
	tests := map[string]struct {
		change func(*Token)
		most   int // characters
	}{
		"UDP over IPv4":            {func(t *Token) { t.Made = 1 }, 51},
		"at several listeners":     {func(t *Token) { t.Made, t.Caller.Listener, t.Callee.Listener = 1, 5060, 65535 }, 68},
		"of an earlier version":    {func(*Token) {}, 47},
		"without the caller's tag": {func(t *Token) { t.CallerTag = 0 }, 42},
		"caller not behind NAT":    {func(t *Token) { t.Caller = flow.Flow{} }, 39},
		"TLS over IPv4":            {func(t *Token) { outbound(t) }, 74},
		"TLS over IPv6": {func(t *Token) {
			outbound(t)
			remote(&t.Caller, "[2001:db8::1]:5061")
			remote(&t.Callee, "[2001:db8::2]:5061")
		}, 106},
	}
	keys := testKeys(t, 1)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			call := callToken()
			tt.change(call)
			n := len(keys.AppendToken(nil, call, callID))
			t.Logf("%d characters", n)
			if n > tt.most {
				t.Errorf("%d characters, want at most %d", n, tt.most)
			}
		})
	}
}

// outbound makes both ends of a call RFC 5626 clients on TLS.
func outbound(t *Token) {
	t.Caller.Owner, t.Caller.Conn, t.Caller.Transport = 3, 1<<28, flow.TLS
	t.Callee.Owner, t.Callee.Conn, t.Callee.Transport = 5, 1<<28, flow.TLS
}

package targets

import (
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// isRegistered reports whether there may be who a GRUU is of: a temporary one is over when
// its instance has registered by another Call-ID, or not any more (RFC 5627 3.1.2). By
// which of its flows it has does not matter.
func isRegistered(record location.Record, now int64, callee routing.Callee) bool {
	if callee.Call == 0 {
		return true
	}
	for b := range record.Live(now) {
		if hasInstance(&b, callee.Instance) && routing.CallHash(b.CallID) == callee.Call {
			return true
		}
	}
	return false
}

func hasInstance(b *location.Binding, instance uint64) bool {
	return len(b.Instance) > 0 && routing.InstanceHash(b.Instance) == instance
}

// moveToGRUU is Move for a GRUU: its user agent gets its contact as the Request-URI (RFC
// 5627 6.1).
func (t *Target) moveToGRUU(record location.Record, now int64, tables *routing.Tables, uri *wire.URI) bool {
	var temporary token.GRUU
	callee, ok := tables.ReadGRUU(uri, &temporary)
	if !ok || callee.Instance == 0 {
		return false
	}
	callee.SIPS = uri.Scheme == wire.SchemeSIPS
	for _, found := range AppendBindings(nil, record, now, tables, callee) {
		if found.ours || found.Path != nil || found.Failed {
			continue
		}
		t.URI, t.To, t.Held, t.Failed, t.open = found.URI, found.To, found.Held, false, found.open
		return true
	}
	return false
}

package targets

import (
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
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

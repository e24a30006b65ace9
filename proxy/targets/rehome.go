package targets

import (
	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// Rehome has a request within a dialog whose end has lost its flow go where that end has
// registered since, and reports whether it does: to the newest live binding of its record
// with its instance (RFC 5626 4.2). Of an end that has none it is the newest whose
// contact is the remote target, or the only one that there is. One over a dead flow is not
// counted, and one by way of further proxies only over the connection of the first.
func (t *Target) Rehome(record location.Record, now int64, tables *routing.Tables, end token.End, remote []byte, dead func(flow.Flow) bool) bool {
	var home, any location.Binding
	known, others := false, 0
	for b := range record.Live(now) {
		switch {
		case dead(b.Flow):
		case isEnd(&b, end, remote):
			if !known || b.Version.Compare(home.Version) > 0 {
				home, known = b, true
			}
		case end.Instance == 0:
			any = b
			others++
		}
	}
	if !known && others == 1 {
		home, known = any, true
	}
	return known && t.goTo(&home, record.AOR(), tables, isSIPS(remote))
}

// isEnd reports whether a binding is of an end of a dialog.
func isEnd(b *location.Binding, end token.End, remote []byte) bool {
	if end.Instance != 0 {
		return len(b.Instance) > 0 && xxhash.Sum64(b.Instance) == end.Instance
	}
	return wire.EqualURI(wire.WithoutHeaders(b.Contact), remote)
}

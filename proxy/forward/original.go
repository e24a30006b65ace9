package forward

import (
	"bytes"

	"github.com/sipring/sipring/proxy/wire"
)

// originalHeader tells an application the Request-URI that a call came with, where the
// configuration has it so. It is ours alone: what a phone says there is taken off.
const originalHeader = "X-Original-Request-URI"

// setOriginal tells the application the Request-URI that the request came with, if it
// begins something. History-Info gets its first entry, if nobody before us has made one
// (RFC 7044 9.1).
func (b *Builder) setOriginal(n *Names, m *wire.Message) {
	if m.ToTag() != nil {
		return
	}
	if n.application.HistoryInfo && !hasHistory(m) {
		b.value = append(append(append(b.value[:0], '<'), m.RequestURI()...), ">;index=1"...)
		b.edit.PrependHeader("History-Info", b.value)
	}
	if n.application.OriginalHeader {
		for i := range m.Headers {
			if isNamed(m, i, originalHeader) {
				b.edit.RemoveLine(i)
			}
		}
		b.value = append(append(append(b.value[:0], '<'), m.RequestURI()...), '>')
		b.edit.PrependHeader(originalHeader, b.value)
	}
}

func hasHistory(m *wire.Message) bool {
	for i := range m.Headers {
		if isNamed(m, i, "History-Info") {
			return true
		}
	}
	return false
}

// isNamed reports whether a header line has a name that the wire package has no ID for.
func isNamed(m *wire.Message, i int, name string) bool {
	h := &m.Headers[i]
	return h.ID == wire.HeaderOther && bytes.EqualFold(h.Name.In(m.Raw), []byte(name))
}

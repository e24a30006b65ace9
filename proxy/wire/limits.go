package wire

// Limits bounds what Scan accepts. All values are counts of bytes except MaxHeaders. A field that is zero or negative
// takes its default.
type Limits struct {
	MaxMessage   int // whole message
	MaxHeaders   int // header lines, at most 65534
	MaxHeaderLen int // one header with its name, folded lines and line end
	MaxStartLine int // start line without its line end
}

const (
	defaultMaxMessage   = 65535
	defaultMaxHeaders   = 128
	defaultMaxHeaderLen = 8192
	defaultMaxStartLine = 2048

	maxIndexableHeaders = 1<<16 - 2
	maxIndexableMessage = 1<<31 - 1
)

// DefaultLimits returns the limits that Scan uses when it is given none: 65535 bytes, 128 headers of at most 8192 bytes
// and a start line of at most 2048 bytes.
func DefaultLimits() Limits {
	return Limits{
		MaxMessage:   defaultMaxMessage,
		MaxHeaders:   defaultMaxHeaders,
		MaxHeaderLen: defaultMaxHeaderLen,
		MaxStartLine: defaultMaxStartLine,
	}
}

func (l *Limits) effective() Limits {
	if l == nil {
		return DefaultLimits()
	}
	return Limits{
		MaxMessage:   bounded(l.MaxMessage, defaultMaxMessage, maxIndexableMessage),
		MaxHeaders:   bounded(l.MaxHeaders, defaultMaxHeaders, maxIndexableHeaders),
		MaxHeaderLen: bounded(l.MaxHeaderLen, defaultMaxHeaderLen, maxIndexableMessage),
		MaxStartLine: bounded(l.MaxStartLine, defaultMaxStartLine, maxIndexableMessage),
	}
}

func bounded(v, def, most int) int {
	if v <= 0 {
		return def
	}
	return min(v, most)
}

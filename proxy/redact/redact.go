package redact

import (
	"bytes"
	"strconv"

	"github.com/sipring/sipring/proxy/wire"
)

// Bounds, in bytes.
const (
	// MaxText is the longest text that Append writes, up to the last line's end.
	MaxText = 8 << 10

	maxName  = 64
	maxValue = 512

	longWord = 40 // longer ones may be tokens
	longPart = 20 // the same in what we write ourselves
	keptPart = 12
)

const cut = "…"

// shown are the headers whose values are shown.
var shown = setOf(
	wire.HeaderVia, wire.HeaderFrom, wire.HeaderTo, wire.HeaderCallID, wire.HeaderCSeq, wire.HeaderContact, wire.HeaderRoute,
	wire.HeaderRecordRoute, wire.HeaderMaxForwards, wire.HeaderExpires, wire.HeaderMinExpires, wire.HeaderRequire,
	wire.HeaderProxyRequire, wire.HeaderSupported, wire.HeaderUnsupported, wire.HeaderAllow, wire.HeaderContentLength,
	wire.HeaderContentType, wire.HeaderContentEncoding, wire.HeaderContentDisposition, wire.HeaderPath, wire.HeaderServiceRoute,
	wire.HeaderEvent, wire.HeaderAllowEvents, wire.HeaderSubscriptionState, wire.HeaderRAck, wire.HeaderRSeq,
	wire.HeaderReferTo, wire.HeaderReferredBy, wire.HeaderUserAgent, wire.HeaderServer, wire.HeaderDate, wire.HeaderTimestamp,
	wire.HeaderWarning, wire.HeaderRetryAfter, wire.HeaderReason, wire.HeaderAccept, wire.HeaderSessionExpires, wire.HeaderMinSE,
	wire.HeaderMaxBreadth, wire.HeaderFlowTimer, wire.HeaderPAssertedIdentity, wire.HeaderPPreferredIdentity, wire.HeaderRemotePartyID, wire.HeaderPrivacy,
	wire.HeaderAcceptContact, wire.HeaderRejectContact, wire.HeaderRequestDisposition,
)

// ways are those with what the cluster writes for itself.
var ways = setOf(wire.HeaderVia, wire.HeaderRoute, wire.HeaderRecordRoute, wire.HeaderPath, wire.HeaderServiceRoute)

type headers uint64

func setOf(ids ...wire.HeaderID) (s headers) {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

func (s headers) has(id wire.HeaderID) bool { return s>>id&1 != 0 }

// Append appends the start line and the headers of a message that was scanned, each line with its CRLF.
func Append(dst []byte, m *wire.Message) []byte {
	start := len(dst)
	dst = append(AppendStartLine(dst, m), "\r\n"...)
	for i := range m.Headers {
		if len(dst)-start > MaxText-maxName-2*maxValue {
			return append(append(dst, cut...), "\r\n"...)
		}
		dst = append(appendHeader(dst, m, &m.Headers[i]), "\r\n"...)
	}
	return dst
}

// AppendStartLine appends the start line, without its end.
func AppendStartLine(dst []byte, m *wire.Message) []byte {
	if m.IsRequest() {
		dst = append(append(dst, bounded(m.MethodBytes(), maxName)...), ' ')
		return append(appendBounded(dst, m.RequestURI(), longWord), " SIP/2.0"...)
	}
	dst = append(dst, "SIP/2.0 "...)
	dst = append(strconv.AppendUint(dst, uint64(m.StatusCode()), 10), ' ')
	return appendBounded(dst, m.Reason(), longWord)
}

func appendHeader(dst []byte, m *wire.Message, h *wire.Header) []byte {
	value := h.Value.In(m.Raw)
	dst = append(append(dst, bounded(h.Name.In(m.Raw), maxName)...), ": "...)
	switch {
	case !shown.has(h.ID):
		dst = strconv.AppendUint(append(dst, '['), uint64(len(value)), 10)
		return append(dst, " bytes]"...)
	case h.ID == wire.HeaderCallID: // by which messages are told apart
		return append(dst, bounded(value, maxValue)...)
	case ways.has(h.ID):
		return appendBounded(dst, value, longPart)
	}
	return appendBounded(dst, value, longWord)
}

func bounded(b []byte, most int) []byte { return b[:min(len(b), most)] }

// appendBounded appends a value, of which all is read before any is cut off: what is left was judged with what follows it.
func appendBounded(dst, value []byte, long int) []byte {
	start := len(dst)
	if dst = appendText(dst, value, long); len(dst)-start > maxValue {
		dst = append(dst[:start+maxValue], cut...)
	}
	return dst
}

// appendText appends a value without what is not for the reader. long is above how many characters a word may be a token.
func appendText(dst, b []byte, long int) []byte {
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case isWord(c):
			dst, i = appendWord(dst, b, i, long)
		case c == '?': // headers of a URI
			dst = append(append(dst, '?'), cut...)
			i += 1 + headersEnd(b[i+1:])
		case c == '\r' || c == '\n' || c == '\t': // of a fold
			dst = append(dst, ' ')
			i++
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// appendWord appends the word at i and what its next character makes of what follows. It returns where to go on.
func appendWord(dst, b []byte, i, long int) ([]byte, int) {
	word := wordAt(b, i)
	end := i + len(word)
	if len(word) > long {
		dst = append(append(dst, word[:keptPart]...), cut...)
	} else {
		dst = append(dst, word...)
	}
	switch {
	case end == len(b):
	case b[end] == ':':
		return appendUserinfo(dst, b, end+1, long)
	case b[end] == '=' && long == longPart && string(word) == "h": // the proof of a hop in our Via
		return append(append(dst, '='), cut...), end + 1 + len(wordAt(b, end+1))
	}
	return dst, end
}

// wordAt is the word that begins at i, maybe an empty one.
func wordAt(b []byte, i int) []byte {
	end := i
	for end < len(b) && isWord(b[end]) {
		end++
	}
	return b[i:end]
}

// appendUserinfo appends the colon before i, after a scheme, and if a user with a password follows, the user. It returns
// where to go on.
func appendUserinfo(dst, b []byte, i, long int) ([]byte, int) {
	dst = append(dst, ':')
	at := bytes.IndexAny(b[i:], "@<>\" \t\r\n")
	if at < 0 || b[i+at] != '@' {
		return dst, i
	}
	colon := bytes.IndexByte(b[i:i+at], ':')
	if colon < 0 {
		return dst, i
	}
	return append(append(appendText(dst, b[i:i+colon], long), ':'), cut...), i + at
}

// headersEnd is where the headers of a URI end: at its bracket, or at the end of the value.
func headersEnd(b []byte) int {
	if end := bytes.IndexByte(b, '>'); end >= 0 {
		return end
	}
	return len(b)
}

// isWord tells the characters of base64url, which our tokens are in.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

package wire

import "strconv"

// ResponseOptions says what a response holds beside the copied headers.
type ResponseOptions struct {
	ToTag       []byte // added to To if that has no tag (RFC 3261 8.2.6.2); empty: none, as in a 100
	Received    []byte // written into the topmost Via, if not empty (RFC 3261 18.2.1)
	RPort       uint16 // written into the topmost Via, if SetRPort (RFC 3581 4)
	SetRPort    bool
	Keep        uint16 // seconds; the value of a keep without one in the topmost Via (RFC 6223 4.4), 0: none is given
	RecordRoute bool   // copy Record-Route, in responses that make a dialog (RFC 3261 12.1.1)
	Extra       []byte // complete header lines, each with CR LF
	Body        []byte // its Content-Type is in Extra
}

// AppendResponse appends a response to req that this element makes itself (RFC 3261 8.2.6): the status line, all Via in
// order, From, To with toTag if it has none, Call-ID and CSeq as they are in req, Timestamp if it is a 100, extra (complete
// header lines with CR LF), and Content-Length: 0. What req lacks is left out. req may be one that Scan refused with a
// Status; control characters that it must not hold are spaces in the response. reason must hold no line ends.
func AppendResponse(dst []byte, req *Message, status int, reason string, toTag, extra []byte) []byte {
	o := ResponseOptions{ToTag: toTag, Extra: extra}
	return AppendResponseWith(dst, req, status, reason, &o)
}

// AppendResponseWith is AppendResponse with more options.
func AppendResponseWith(dst []byte, req *Message, status int, reason string, o *ResponseOptions) []byte {
	dst = append(dst, "SIP/2.0 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	dst = append(dst, '\r', '\n')
	start := len(dst)
	dst = appendVias(dst, req, o)
	if o.RecordRoute {
		dst = appendLines(dst, req, HeaderRecordRoute, 0)
	}
	dst = appendFirst(dst, req, HeaderFrom, nil)
	dst = appendFirst(dst, req, HeaderTo, o.ToTag)
	dst = appendFirst(dst, req, HeaderCallID, nil)
	dst = appendFirst(dst, req, HeaderCSeq, nil)
	if status == 100 {
		dst = appendFirst(dst, req, HeaderTimestamp, nil)
	}
	if req.unclean {
		clean(dst[start:])
	}
	dst = append(dst, o.Extra...)
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(o.Body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, o.Body...)
}

// appendVias copies all Via lines, the topmost one with received, rport and the value of keep.
func appendVias(dst []byte, req *Message, o *ResponseOptions) []byte {
	e := req.elements(HeaderVia)
	if len(o.Received) == 0 && !o.SetRPort && o.Keep == 0 || !e.next() {
		return appendLines(dst, req, HeaderVia, 0)
	}
	h := &req.Headers[e.header]
	patches, n := viaPatches(req, e.at, len(o.Received) > 0, o.SetRPort, o.Keep > 0)
	pos := h.Line.Start
	for _, p := range patches[:n] {
		dst = append(dst, req.Raw[pos:p.at.Start]...)
		dst = p.append(dst, o.Received, o.RPort, o.Keep)
		pos = p.at.End
	}
	dst = append(dst, req.Raw[pos:h.Value.End]...)
	dst = append(dst, '\r', '\n')
	return appendLines(dst, req, HeaderVia, e.header+1)
}

// appendLines copies the lines of a header from index i on.
func appendLines(dst []byte, req *Message, id HeaderID, i int) []byte {
	for ; i < len(req.Headers); i++ {
		if h := &req.Headers[i]; h.ID == id {
			dst = appendLine(dst, req, h)
			dst = append(dst, '\r', '\n')
		}
	}
	return dst
}

// appendFirst copies the first line of a header, with a tag if one is given and there is none.
func appendFirst(dst []byte, req *Message, id HeaderID, tag []byte) []byte {
	i := req.Index(id)
	if i < 0 {
		return dst
	}
	h := &req.Headers[i]
	dst = appendLine(dst, req, h)
	if len(tag) > 0 {
		dst = appendTag(dst, req, h.Value.In(req.Raw), tag)
	}
	return append(dst, '\r', '\n')
}

// appendTag appends a tag parameter to To's value, which dst ends with, if value can be parsed and has none.
func appendTag(dst []byte, req *Message, value, tag []byte) []byte {
	to := req.parsed.to
	if !req.valid {
		var err error
		if to, err = ParseNameAddr(value); err != nil {
			return dst
		}
	}
	if _, ok := to.Param("tag"); ok {
		return dst
	}
	if value[len(value)-1] != ';' {
		dst = append(dst, ';')
	}
	return append(append(dst, "tag="...), tag...)
}

// appendLine copies a header without its line end.
func appendLine(dst []byte, req *Message, h *Header) []byte {
	return append(dst, req.Raw[h.Line.Start:h.Value.End]...)
}

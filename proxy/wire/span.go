package wire

// Span is a half-open range of bytes in Message.Raw.
type Span struct{ Start, End uint32 }

// Len returns the number of bytes in the span.
func (s Span) Len() int { return int(s.End) - int(s.Start) }

// In returns the bytes of raw that the span covers.
func (s Span) In(raw []byte) []byte { return raw[s.Start:s.End:s.End] }

// contains reports whether all of o lies in s.
func (s Span) contains(o Span) bool { return s.Start <= o.Start && o.End <= s.End }

func span(start, end int) Span { return Span{uint32(start), uint32(end)} }

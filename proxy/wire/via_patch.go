package wire

import "strconv"

// viaPatch is one parameter to write into a Via: in the place of the old one, or where at is empty as a new one.
type viaPatch struct {
	at   Span
	rank rank // rankRPort or rankReceived
}

// viaPatches says where to write received and rport into the topmost Via, which is at element, in the order of the bytes.
func viaPatches(m *Message, element Span, received, rport bool) (p [2]viaPatch, n int) {
	via, err := m.TopVia()
	if err != nil {
		return p, 0
	}
	raw := m.Raw
	end := element.End // of the last parameter: a semicolon after it stays the last byte
	for raw[end-1] == ';' || is(raw[end-1], classLWS) {
		end--
	}
	place := func(old Span) Span {
		if old.Len() == 0 {
			return Span{end, end}
		}
		base := element.End - uint32(len(via.Params))
		return Span{base + old.Start, base + old.End}
	}
	if rport {
		p[n] = viaPatch{place(via.rportAt), rankRPort}
		n++
	}
	if received {
		p[n] = viaPatch{place(via.receivedAt), rankReceived}
		n++
	}
	if n == 2 && p[1].at.Start < p[0].at.Start {
		p[0], p[1] = p[1], p[0]
	}
	return p, n
}

func (p *viaPatch) append(dst, received []byte, rport uint16) []byte {
	if p.at.Len() == 0 {
		dst = append(dst, ';')
	}
	if p.rank == rankRPort {
		return strconv.AppendUint(append(dst, "rport="...), uint64(rport), 10)
	}
	return appendOneLine(append(dst, "received="...), received)
}

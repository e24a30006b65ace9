package wire

import "strconv"

// viaPatch is one parameter to write into a Via: in the place of the old one, or where at is empty as a new one.
type viaPatch struct {
	at   Span
	rank rank // rankRPort, rankReceived or rankKeep
}

// viaPatches says where to write received, rport and the value of keep into the topmost Via, which is at element, in the
// order of the bytes. A keep that is not there, or has a value, is left alone (RFC 6223 4.4).
func viaPatches(m *Message, element Span, received, rport, keep bool) (p [3]viaPatch, n int) {
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
	if keep && via.keepAt.Len() > 0 {
		p[n] = viaPatch{place(via.keepAt), rankKeep}
		n++
	}
	for i := 1; i < n; i++ { // of three at most
		for k := i; k > 0 && p[k].at.Start < p[k-1].at.Start; k-- {
			p[k], p[k-1] = p[k-1], p[k]
		}
	}
	return p, n
}

func (p *viaPatch) append(dst, received []byte, rport, keep uint16) []byte {
	if p.at.Len() == 0 {
		dst = append(dst, ';')
	}
	switch p.rank {
	case rankRPort:
		return strconv.AppendUint(append(dst, "rport="...), uint64(rport), 10)
	case rankKeep:
		return strconv.AppendUint(append(dst, "keep="...), uint64(keep), 10)
	}
	return appendOneLine(append(dst, "received="...), received)
}

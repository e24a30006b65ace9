package wire

// HashURI returns a number that is the same for all URIs that EqualURI finds equal, and for few others: who compares a URI
// with many finds with it the few that are worth it. It is the same in every process. Headers and parameters that need not
// be in both URIs are no part of it.
func HashURI(b []byte) uint64 {
	h := uriHash(14695981039346656037)
	u, err := ParseURI(b)
	if err != nil || u.Scheme != SchemeSIP && u.Scheme != SchemeSIPS {
		return uint64(h) // of other URIs all are alike: few register them
	}
	h.add(byte(u.Scheme), byte(u.Port>>8), byte(u.Port))
	h.escaped(u.User, u.User != nil, false)
	h.escaped(u.Password, u.Password != nil, false)
	h.escaped(nil, u.HasPort, false)
	if addr, ok := HostAddr(u.Host); ok {
		a := addr.As16()
		h.add(a[:]...)
	} else {
		h.escaped(withoutDot(u.Host), true, true)
	}
	for _, name := range significantParams {
		value, ok := findEscapedParam(u.Params, name)
		h.escaped(value, ok, true)
	}
	return uint64(h)
}

// uriHash is FNV-1a.
type uriHash uint64

func (h *uriHash) add(b ...byte) {
	for _, c := range b {
		*h = (*h ^ uriHash(c)) * 1099511628211
	}
}

// escaped adds the characters that equalEscaped compares, and whether there is anything at all.
func (h *uriHash) escaped(b []byte, there, fold bool) {
	for len(b) > 0 {
		c, escape, n := nextChar(b)
		if fold {
			c = Lower(c)
		}
		if escape {
			h.add('%')
		}
		h.add(c)
		b = b[n:]
	}
	end := byte(0xff)
	if !there {
		end = 0xfe
	}
	h.add(end)
}

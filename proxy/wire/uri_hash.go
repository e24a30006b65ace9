package wire

import "hash/maphash"

// uriSeed makes URIs that strangers choose have hashes that they cannot know.
var uriSeed = maphash.MakeSeed()

// HashURI returns a number that is the same for all URIs that EqualURI finds equal, and for no others but by chance: who
// compares a URI with many finds with it the few that are worth it. It is another one in each process. Headers and
// parameters that need not be in both URIs are no part of it. Of what is neither a SIP nor a SIPS URI it is 0.
func HashURI(b []byte) uint64 {
	u, err := ParseURI(b)
	if err != nil || u.Scheme != SchemeSIP && u.Scheme != SchemeSIPS {
		return 0
	}
	h := uriHash{}
	h.SetSeed(uriSeed)
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
	return h.Sum64()
}

// uriHash hashes the parts of a URI, each with its end.
type uriHash struct{ maphash.Hash }

func (h *uriHash) add(b ...byte) { _, _ = h.Write(b) } // which cannot fail

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

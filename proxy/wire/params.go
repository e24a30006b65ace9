package wire

// params walks over "name[=value]" pairs that semicolons separate, with white space and quoted strings as header
// parameters may have them (RFC 3261 25.1, generic-param). URI parameters are a subset.
type params struct {
	b        []byte
	pos      int
	start    int // where the pair begins: its name
	end      int // after the pair
	name     []byte
	value    []byte // without quotes, escapes left as they are
	hasValue bool
	bad      bool // the walk ended at something that is no parameter
}

// next moves to the next pair. A semicolon at the very end is tolerated, two in a row are not (RFC 4475 3.1.2.1).
func (p *params) next() bool {
	b := p.b
	i := p.pos
	if i > 0 && i < len(b) {
		i++ // the semicolon that ended the last pair
	}
	i = skipLWS(b, i)
	if i == len(b) {
		p.pos = i
		return false
	}
	p.start = i
	i = skipWord(b, i)
	p.name, p.value, p.hasValue, p.end = b[p.start:i], nil, false, i
	if len(p.name) == 0 {
		return p.fail()
	}
	i = skipLWS(b, i)
	if i < len(b) && b[i] == '=' {
		p.end = i + 1
		value := skipLWS(b, i+1)
		var ok bool
		if i, ok = p.readValue(value); !ok {
			return p.fail()
		}
		if i > value { // white space after "=" is part of the pair only before a value
			p.end = i
		}
		i = skipLWS(b, i)
	}
	if i < len(b) && b[i] != ';' {
		return p.fail()
	}
	p.pos = i
	return true
}

func (p *params) readValue(i int) (end int, ok bool) {
	p.hasValue = true
	if i < len(p.b) && p.b[i] == '"' {
		end, ok = quotedClosed(p.b, i)
		if ok {
			p.value = p.b[i+1 : end-1]
		}
		return end, ok
	}
	end = skipWord(p.b, i)
	for end < len(p.b) && p.b[end] == '=' { // "x=a=b": seen in the wild, and harmless
		end = skipWord(p.b, end+1)
	}
	p.value = p.b[i:end]
	return end, true
}

func (p *params) fail() bool {
	p.bad = true
	p.pos = len(p.b)
	return false
}

func skipWord(b []byte, i int) int {
	for i < len(b) && !is(b[i], classParamSep) {
		i++
	}
	return i
}

// findParam returns the value of the first parameter of this name, in any case; nil if it has none.
func findParam(b []byte, name string) (value []byte, ok bool) {
	p := params{b: b}
	for p.next() {
		if equalFold(p.name, name) {
			return p.value, true
		}
	}
	return nil, false
}

// validParams reports whether all of b is parameters.
func validParams(b []byte) bool {
	p := params{b: b}
	for p.next() {
	}
	return !p.bad
}

package server

// made is how many responses of the code were made here.
func (m *Metrics) made(code int) uint64 {
	return m.codes[codePlace(code)*int(origins)+int(local)].Load()
}

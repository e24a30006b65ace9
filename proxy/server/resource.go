package server

// AOR is the canonical form of an address-of-record that is served here, as a person
// writes it. The error says what is wrong with it. The server must be serving.
func (s *Server) AOR(text string) ([]byte, error) { return s.current().tables.AOR(text) }

package certificates

// CheckPair says why a certificate and its key, in PEM, cannot be used.
func CheckPair(crt, key []byte) error {
	_, err := parsePair([][]byte{crt, key})
	return err
}

// CheckAuthority says why the certificates of who signs those of clients, in PEM, cannot
// be used.
func CheckAuthority(crt []byte) error {
	_, err := parseAuthority([][]byte{crt})
	return err
}

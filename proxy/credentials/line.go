package credentials

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/sipring/sipring/proxy/wire"
)

const (
	// maxLine bounds a line, in bytes.
	maxLine = 16 << 10
	// maxAORs bounds the further addresses-of-record of a user.
	maxAORs = 64
	// maxAOR bounds one, in bytes.
	maxAOR = 512
)

// line is one line of a file of credentials.
type line struct {
	username, realm []byte // views
	is              Credential
}

// parseLine reads user:realm:hash, as htdigest writes it with 32 hex digits (MD5), or with 64 (SHA-256), and perhaps
// :aor,aor behind. A blank line, or one that begins with #, has no user name. Errors do not quote the line, which may
// have a secret anywhere.
func parseLine(text []byte) (l line, err error) {
	if len(text) > maxLine {
		return l, fmt.Errorf("more than %d bytes", maxLine)
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] == '#' {
		return l, nil
	}
	var aors []byte
	var ok bool
	if l.username, text, ok = bytes.Cut(text, colon); ok {
		l.realm, text, ok = bytes.Cut(text, colon)
	}
	if !ok {
		return line{}, errors.New("not of the form user:realm:hash")
	}
	text, aors, _ = bytes.Cut(text, colon)
	switch {
	case !validName(l.username):
		err = fmt.Errorf("the user name is not 1 to %d bytes of UTF-8 without control characters", maxName)
	case !validName(l.realm):
		err = fmt.Errorf("the realm is not 1 to %d bytes of UTF-8 without control characters", maxName)
	default:
		if err = l.is.setHash(text); err == nil {
			l.is.AORs, err = parseAORs(aors)
		}
	}
	if err != nil {
		return line{}, err
	}
	return l, nil
}

var colon = []byte(":")

// setHash sets the HA1 of the algorithm that has hashes of this length.
func (c *Credential) setHash(text []byte) error {
	var err error
	switch len(text) {
	case 2 * len(c.MD5):
		_, err = hex.Decode(c.MD5[:], text)
		c.HasMD5 = err == nil
	case 2 * len(c.SHA256):
		_, err = hex.Decode(c.SHA256[:], text)
		c.HasSHA256 = err == nil
	default:
		return fmt.Errorf("the hash has %d characters: neither 32 (MD5) nor 64 (SHA-256)", len(text))
	}
	if err != nil {
		return errors.New("the hash is not hexadecimal")
	}
	return nil
}

// parseAORs reads addresses-of-record with commas between them.
func parseAORs(text []byte) (aors []string, err error) {
	if len(text) == 0 {
		return nil, nil
	}
	for one := range bytes.SplitSeq(text, []byte(",")) {
		if aors, err = addAOR(aors, bytes.TrimSpace(one)); err != nil {
			return nil, err
		}
	}
	return aors, nil
}

// addAOR adds an address-of-record in canonical form, once. sip: may be left out.
func addAOR(aors []string, text []byte) ([]string, error) {
	if len(text) > maxAOR {
		return nil, fmt.Errorf("an address-of-record has more than %d bytes", maxAOR)
	}
	uri, err := wire.ParseURI(text)
	if err != nil || uri.Scheme == wire.SchemeOther {
		uri, err = wire.ParseURI(append([]byte("sip:"), text...))
	}
	if err != nil || len(uri.User) == 0 || uri.Password != nil {
		return nil, errors.New("an address-of-record is not of the form user@domain, a SIP or a tel URI")
	}
	aor := string(wire.CanonicalAOR(nil, uri))
	if slices.Contains(aors, aor) {
		return aors, nil
	}
	if len(aors) == maxAORs {
		return nil, fmt.Errorf("more than %d addresses-of-record", maxAORs)
	}
	return append(aors, aor), nil
}

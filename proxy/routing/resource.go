package routing

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/wire"
)

// AOR is the canonical form of an address-of-record as a person writes it: a SIP, SIPS
// or tel URI, or user@domain. The error says what is wrong with it.
func (t *Tables) AOR(text string) ([]byte, error) {
	b := []byte(text)
	uri, err := wire.ParseURI(b)
	if (err != nil || uri.Scheme == wire.SchemeOther) && bytes.IndexByte(b, '@') > 0 {
		uri, err = wire.ParseURI(append([]byte("sip:"), b...))
	}
	switch {
	case err != nil || uri.Scheme == wire.SchemeOther || uri.Scheme != wire.SchemeTel && uri.User == nil:
		return nil, errors.New("an address-of-record is sip:user@domain, or tel: and a number")
	case uri.Scheme != wire.SchemeTel && !t.Serves(uri.Host):
		return nil, fmt.Errorf("%q is no domain that is served here", uri.Host)
	}
	var d Decision
	if !t.isAOR(&uri, &d) || len(d.aor) > location.MaxAOR {
		return nil, fmt.Errorf("an address-of-record has at most %d bytes", location.MaxAOR)
	}
	return d.aor, nil
}

package routing

import "github.com/sipring/sipring/proxy/wire"

// Names reports whether a URI leads to the cluster itself, whoever its user is:
// see names.
func (t *Tables) Names(u *wire.URI) bool { return t.names(u) }

// HasAOR reports whether a SIP URI that Names is an address-of-record served here.
func (t *Tables) HasAOR(u *wire.URI) bool { return u.User != nil && t.Serves(u.Host) }

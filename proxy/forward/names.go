package forward

import "github.com/sipring/sipring/proxy/token"

// Names are what a proxy writes of itself into what leaves. Immutable.
type Names struct {
	keys *token.Keys
	// A Via is via, the branch and parameters; a Record-Route is routeHead, a token
	// and routeTail.
	via, routeHead, routeTail []byte
}

// NewNames makes the Names of a cluster at sentBy, "host:port".
func NewNames(keys *token.Keys, sentBy string) *Names {
	return &Names{
		keys:      keys,
		via:       []byte("SIP/2.0/UDP " + sentBy + ";branch="),
		routeHead: []byte("<sip:"),
		routeTail: []byte("@" + sentBy + ";lr>"),
	}
}

package phones

import (
	"crypto/rand"
	"fmt"

	"github.com/emiago/sipgo/sip"

	"github.com/sipring/sipring/proxy/flow"
)

// names are what a phone is named by as long as it lives.
type names struct {
	instance string // RFC 5626 4.1
	host     string // of WebSocket, where a client knows no address of its own (RFC 7118 5)
}

func newNames() names {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return names{
		instance: fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]),
		host:     sip.GenerateTagN(12) + ".invalid",
	}
}

// host is where it says that it is.
func (p *Phone) host() string {
	if p.cfg.Transport == flow.WS || p.cfg.Transport == flow.WSS {
		return p.name.host
	}
	return p.Address().String()
}

// transportParams are those that name the transport in a Contact.
var transportParams = [...]string{flow.UDP: "", flow.TCP: ";transport=tcp", flow.TLS: ";transport=tls", flow.WS: ";transport=ws", flow.WSS: ";transport=ws"}

// Contact is the URI at which it can be reached.
func (p *Phone) Contact() string {
	uri := "sip:" + p.cfg.User + "@" + p.host() + transportParams[p.cfg.Transport]
	if p.cfg.Outbound {
		uri += ";ob"
	}
	return uri
}

// contactLine is that of requests that begin a dialog.
func (p *Phone) contactLine() string { return "Contact: <" + p.Contact() + ">" }

// binding is that of its registration.
func (p *Phone) binding() string {
	h := p.contactLine()
	if p.cfg.Outbound {
		h += `;reg-id=1;+sip.instance="<` + p.name.instance + `>"`
	}
	return h
}

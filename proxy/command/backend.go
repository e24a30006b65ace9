package command

import (
	"github.com/sipring/sipring/proxy/admin"
	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/auth"
	"github.com/sipring/sipring/proxy/certificates"
	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/server"
)

// backend is what the admin server shows of a proxy.
type backend struct{ p *proxy }

// Live implements admin.Backend.
func (b backend) Live() (bool, string) {
	if n := b.p.node.Load(); n != nil {
		return n.Live()
	}
	return true, ""
}

// Ready implements admin.Backend.
func (b backend) Ready() (bool, string) {
	if b.p.lettingGo.Load() {
		return false, "handed over"
	}
	if n := b.p.node.Load(); n != nil {
		return n.Ready()
	}
	return false, "not in the member set yet"
}

// status is what /v1/status shows.
type status struct {
	peer.Status
	// SIP is where the proxy receives SIP.
	SIP string `json:"sip"`
	// Transactions held.
	Transactions int `json:"transactions"`
	// Traffic since the process started.
	Traffic server.Traffic `json:"traffic"`
	// Certificates of listeners, and what is wrong with their files.
	Certificates []certificates.Status `json:"certificates,omitempty"`
	// Bans of who has failed to authenticate too often, the latest 100 in force.
	Bans []auth.Ban `json:"bans,omitempty"`
	// Application beside the proxy; nil where there is none.
	Application *application.Status `json:"application,omitempty"`
	Version     string              `json:"version"`
}

// Status implements admin.Backend.
func (b backend) Status() any {
	n := b.p.node.Load()
	if n == nil {
		return status{Status: peer.Status{Cluster: b.p.config.Load().Cluster, Name: b.p.name}, Version: buildVersion()}
	}
	return status{Status: n.Status(), SIP: b.p.server.Address().String(), Transactions: b.p.server.Transactions(), Traffic: b.p.server.Metrics().Traffic(), Certificates: b.p.certificates.Status(), Bans: b.p.access.gate.Bans(), Application: b.p.beside.status(), Version: buildVersion()}
}

// Events implements admin.Backend.
func (b backend) Events(after uint64) ([]admin.Event, <-chan struct{}) {
	n := b.p.node.Load()
	if n == nil {
		return nil, nil
	}
	changed := n.EventsChanged() // before the events: one in between is not missed
	var out []admin.Event
	for _, e := range n.Events(after) {
		out = append(out, admin.Event{Seq: e.Seq, Value: e})
	}
	return out, changed
}

package command

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/control"
	"github.com/sipring/sipring/proxy/control/answers"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/wire"
)

// Unregister implements control.Backend. It is a REGISTER with "Expires: 0" (RFC 3261
// 10.2.2) of a Call-ID of its own, which the home orders and min(R, live) members have
// before it is answered.
func (i *inspector) Unregister(ctx context.Context, text, contact string) (*answers.Removed, error) {
	node, _, err := i.ready()
	if err != nil {
		return nil, err
	}
	aor, err := i.aor(text)
	if err != nil {
		return nil, err
	}
	before, err := lookUp(ctx, node, aor)
	if err != nil {
		return nil, err
	}
	update := &location.Update{AOR: aor, CallID: newCallID(), CSeq: 1, Star: contact == ""}
	named := before
	if contact != "" {
		if named, err = naming(before, contact); err != nil {
			return nil, err
		}
		for _, b := range named {
			update.Contacts = append(update.Contacts, location.ContactUpdate{URI: b.Contact, Instance: b.Instance, RegID: b.RegID})
		}
	}
	after, err := register(ctx, node, update)
	if err != nil {
		return nil, err
	}
	out := &answers.Removed{AOR: string(aor), Removed: []string{}}
	for _, b := range named {
		if !has(after, b) {
			out.Removed = append(out.Removed, string(b.Contact))
		}
	}
	i.p.log.Info("bindings removed over the control socket", "bindings", len(out.Removed))
	return out, nil
}

// newCallID is one that nobody has (RFC 3261 8.1.1.4), and short: it is stored with
// what is removed.
func newCallID() []byte {
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails
	return []byte(base64.RawURLEncoding.EncodeToString(b[:]))
}

// lookUp returns the live bindings of an address-of-record, wherever they are.
func lookUp(ctx context.Context, node *peer.Node, aor []byte) ([]location.Binding, error) {
	done := make(chan *cluster.LookupOp, 1)
	node.Lookup(&cluster.LookupOp{AOR: aor, Done: func(op *cluster.LookupOp) { done <- op }})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case op := <-done:
		switch op.Result {
		case cluster.Unavailable:
			return nil, &control.Problem{Status: http.StatusServiceUnavailable, Reason: "no member that holds it answers: try again"}
		case cluster.NotFound:
			return nil, &control.Problem{Status: http.StatusNotFound, Reason: fmt.Sprintf("nothing is registered for %s", aor)}
		}
		return live(op.Record, op.Now), nil
	}
}

// register has an update ordered and copied, and returns the live bindings after it.
func register(ctx context.Context, node *peer.Node, u *location.Update) ([]location.Binding, error) {
	done := make(chan *cluster.RegisterOp, 1)
	node.Register(&cluster.RegisterOp{Update: *u, Done: func(op *cluster.RegisterOp) { done <- op }})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case op := <-done:
		switch op.Status {
		case location.StatusOK:
			return live(op.Record, op.Now), nil
		case location.StatusUnavailable:
			return nil, &control.Problem{Status: http.StatusServiceUnavailable, Reason: "not enough members confirmed it in time: it may be removed or not, ask again"}
		case location.StatusBadRequest:
			return nil, &control.Problem{Status: http.StatusBadRequest, Reason: "the contact is too long to be removed alone: name none to remove all"}
		}
		return nil, fmt.Errorf("the home answers %d", op.Status)
	}
}

func live(r location.Record, now int64) (all []location.Binding) {
	for b := range r.Live(now) {
		all = append(all, b)
	}
	return all
}

// naming are the bindings of a contact: as it is written, or as RFC 3261 19.1.4 has
// them equal. There may be several, by their instances.
func naming(all []location.Binding, contact string) (named []location.Binding, err error) {
	uri := []byte(strings.TrimSuffix(strings.TrimPrefix(contact, "<"), ">"))
	if _, err := wire.ParseURI(uri); err != nil {
		return nil, &control.Problem{Status: http.StatusBadRequest, Reason: "a contact is a URI"}
	}
	for _, b := range all {
		if string(b.Contact) == string(uri) || wire.EqualURI(b.Contact, uri) {
			named = append(named, b)
		}
	}
	if len(named) == 0 {
		return nil, &control.Problem{Status: http.StatusNotFound, Reason: "no such contact is registered for it"}
	}
	return named, nil
}

func has(all []location.Binding, b location.Binding) bool {
	for _, x := range all {
		if string(x.Contact) == string(b.Contact) && string(x.Instance) == string(b.Instance) && x.RegID == b.RegID {
			return true
		}
	}
	return false
}

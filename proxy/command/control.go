package command

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/control"
	"github.com/sipring/sipring/proxy/control/answers"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/peer"
)

// startControl opens the control socket, if there is to be one. What it is for can
// wait; calls cannot, so the proxy goes on without.
func (p *proxy) startControl() {
	path := cmp.Or(p.controlSocket, p.config.Load().ControlSocket)
	if path == "" {
		return
	}
	s, err := control.Start(path, newInspector(p), p.log)
	if err != nil {
		p.log.Error("controlSocket: nobody can ask this proxy what is registered", "error", err)
		return
	}
	p.control = s
}

// inspector is what the control server asks of a proxy.
type inspector struct {
	p     *proxy
	pages control.Pages
}

func newInspector(p *proxy) *inspector {
	i := &inspector{p: p}
	i.pages.Walk = func(ctx context.Context, f func(aor []byte)) error {
		node, _, err := i.ready()
		if err != nil {
			return err
		}
		return node.HomeAORs(ctx, withoutPins(f))
	}
	return i
}

// withoutPins leaves out what no phone has registered (package application).
func withoutPins(f func(aor []byte)) func(aor []byte) {
	return func(aor []byte) {
		if !application.IsPin(aor) {
			f(aor)
		}
	}
}

// ready is the node and its view, once it has both.
func (i *inspector) ready() (*peer.Node, *cluster.View, error) {
	node := i.p.node.Load()
	if node == nil || node.View() == nil {
		return nil, nil, &control.Problem{Status: http.StatusServiceUnavailable, Reason: "the proxy is not in the member set yet"}
	}
	return node, node.View(), nil
}

// aor is the canonical form of an address-of-record as a person writes it.
func (i *inspector) aor(text string) ([]byte, error) {
	aor, err := i.p.server.AOR(text)
	if err != nil {
		return nil, &control.Problem{Status: http.StatusBadRequest, Reason: err.Error()}
	}
	return aor, nil
}

// Where implements control.Backend.
func (i *inspector) Where(text string) (*answers.Where, error) {
	node, v, err := i.ready()
	if err != nil {
		return nil, err
	}
	aor, err := i.aor(text)
	if err != nil {
		return nil, err
	}
	partition := v.Partition(aor)
	w := &answers.Where{AOR: string(aor), Partition: partition, Epoch: v.Epoch, Member: i.p.name, Replicas: []string{}}
	role := "none"
	for rank, id := range v.Ring.Owners(partition) {
		name, r := memberName(v, id), "replica"
		if rank == 0 {
			w.Home, r = name, "home"
		} else {
			w.Replicas = append(w.Replicas, name)
		}
		if id == v.Self {
			role = r
		}
	}
	look, ok := node.Look(aor)
	if ok && look.Holding != "none" {
		w.Held = &answers.Held{Role: role, Bindings: i.bindings(v, &look)}
	}
	return w, nil
}

// Bindings implements control.Backend.
func (i *inspector) Bindings(ctx context.Context, glob, after string, limit int) (*answers.Page, error) {
	node, v, err := i.ready()
	if err != nil {
		return nil, err
	}
	page := &answers.Page{Member: i.p.name, Epoch: v.Epoch, Items: []answers.Item{}}
	aors, more, err := i.pages.After(ctx, glob, after, limit)
	if err != nil {
		return nil, err
	}
	size := 0
	for n, aor := range aors {
		look, ok := node.Look([]byte(aor))
		if !ok || look.Record.LiveCount(look.Now) == 0 { // it has ended meanwhile
			continue
		}
		item := answers.Item{AOR: aor, Bindings: i.bindings(v, &look)}
		if size += control.Size(&item); size > control.MaxPage && len(page.Items) > 0 {
			page.Next = control.Token(aors[n-1])
			return page, nil
		}
		page.Items = append(page.Items, item)
	}
	if more {
		page.Next = control.Token(aors[len(aors)-1])
	}
	return page, nil
}

// bindings are the live ones of an address-of-record.
func (i *inspector) bindings(v *cluster.View, look *cluster.Look) []answers.Binding {
	all := []answers.Binding{}
	for b := range look.Record.Live(look.Now) {
		one := binding(v, look, &b)
		one.Listener = listenerName(i.p.config.Load(), b.Flow)
		all = append(all, one)
	}
	return all
}

func binding(v *cluster.View, look *cluster.Look, b *location.Binding) answers.Binding {
	out := answers.Binding{
		Contact: string(b.Contact), ExpiresSeconds: b.ExpiresIn(look.Now), Q: float64(b.Q) / location.MaxQ,
		CallID: string(b.CallID), CSeq: b.CSeq, Instance: string(b.Instance), RegID: b.RegID,
		RegisteredSecondsAgo: max(0, int64(look.Clock)-int64(b.Version.Counter)) / 1000,
	}
	if b.Flow.Remote.IsValid() {
		out.Received = b.Flow.Remote.String()
	}
	if b.Flow.Owner != 0 {
		out.Owner = memberName(v, b.Flow.Owner)
	}
	return out
}

// listenerName is the name of the listener that a flow goes by, or its protocol where
// there is but one, without a name. Of a connection that another member holds it is the
// first of its transport: which one is known there.
func listenerName(c *config.Config, f flow.Flow) string {
	for _, l := range c.ListenersIn(nil) {
		if l.Transport() == f.Transport && (f.Listener == c.ListenerNumber(l.Port) || f.Listener == 0) {
			return cmp.Or(l.Name, l.Protocol)
		}
	}
	if f.Listener == 0 {
		return f.Transport.String()
	}
	return strconv.Itoa(int(f.Listener))
}

// memberName is a member's name, or its number where the set has it no more.
func memberName(v *cluster.View, id uint32) string {
	if m, ok := v.Member(id); ok {
		return m.Name
	}
	return "#" + strconv.FormatUint(uint64(id), 10)
}

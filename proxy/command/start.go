package command

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sipring/sipring/proxy/admin"
	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/certificates"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/server"
	"github.com/sipring/sipring/proxy/token"
)

// listed finds this member in the set.
func (p *proxy) listed(set *config.MemberSet) (config.Member, error) {
	m, ok := set.ByName(p.name)
	if !ok {
		return m, fmt.Errorf("no member is named %q", p.name)
	}
	if p.address == "" {
		return m, nil
	}
	own, err := netip.ParseAddr(p.address)
	if err != nil {
		return m, fmt.Errorf("address: %w", err)
	}
	if listed, _ := netip.ParseAddr(m.Address); listed.Unmap() != own.Unmap() {
		return m, fmt.Errorf("%q is listed with address %s, this one has %s", p.name, m.Address, own)
	}
	return m, nil
}

// start brings the proxy up: health, then sockets, then peers, then traffic. What
// fails names the setting that is to change. Of a start that failed nothing
// is left but the admin server, which close ends.
func (p *proxy) start(self config.Member, set *config.MemberSet) error {
	keys, err := p.needKeys(set)
	if err != nil {
		return err
	}
	tokens, err := newTokenKeys(keys)
	if err != nil {
		return err
	}
	access, err := newAccess(keys, p.log)
	if err != nil {
		return err
	}
	if err := access.follow(p.config.Load()); err != nil {
		return err
	}
	p.access = access
	if err := p.startAdmin(self.Address); err != nil {
		return err
	}
	p.openCertificates()
	p.beside = p.newBeside(self)
	s, err := p.listenSIP(self, tokens)
	if err != nil {
		return err
	}
	node, err := p.startPeer(self, keys, s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	node.SetMembers(set)
	s.Serve(node)
	if p.beside != nil {
		p.beside.start(self, node, s)
		p.metrics.registry.MustRegister(p.beside.Metrics())
	}
	p.server, p.tokens = s, tokens
	p.node.Store(node)
	s.Reconfigure(p.config.Load()) // it may have changed meanwhile
	if err := access.follow(p.config.Load()); err != nil {
		p.log.Error("who may register and call is not what the configuration says, but what it said before", "error", err)
	}
	p.useKeys() // as they may
	p.metrics.registry.MustRegister(s.Metrics(), access.gate.Metrics(), access.metrics)
	p.metrics.showSource(p, node)
	p.log.Info("serving", "sip", strings.Trim(fmt.Sprint(s.Addresses()), "[]"), "id", self.ID, "incarnation", strconv.FormatUint(node.Incarnation(), 16), "advertise", advertised(p.config.Load(), set))
	return nil
}

// needKeys makes keys for a member that is alone and was given none.
func (p *proxy) needKeys(set *config.MemberSet) (*config.Keys, error) {
	if keys := p.keys.Load(); keys != nil {
		return keys, nil
	}
	if len(set.Members) > 1 {
		return nil, errors.New("several members need the same keys: make them with `(umask 077; sipring keys > keys.json)` and start every member with --keys keys.json")
	}
	p.log.Info("no --keys: using fresh ones, as this is the only member")
	p.putKeys(config.NewKeys())
	return p.keys.Load(), nil
}

func (p *proxy) listenSIP(self config.Member, keys *token.Keys) (*server.Server, error) {
	first, second, err := p.sipAddresses(self.Address)
	if err != nil {
		return nil, fmt.Errorf("SIP address: %w", err)
	}
	c := p.config.Load()
	cfg := server.Config{
		Proxy: c, Self: self.ID, Address: netip.AddrPortFrom(first, uint16(c.Ports.SIP)), Shared: p.sharesAddress(),
		TLS: p.certificates.TLS(), VerifyServer: certificates.VerifyServer(nil), Keys: keys, Log: p.log, Checks: p.access.gate.Checks(),
	}
	if p.beside != nil {
		cfg.Application, cfg.Loopback = p.beside.Local, application.Host(self.Address)
	}
	if second.IsValid() {
		cfg.Second = netip.AddrPortFrom(second, uint16(c.Ports.SIP))
	}
	s, err := server.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sipSetting(c), err)
	}
	return s, nil
}

// sipSetting is what says at which ports SIP is received.
func sipSetting(c *config.Config) string {
	if len(c.Listeners) > 0 {
		return "listeners"
	}
	return "ports.sip"
}

// sharesAddress says that other members receive and send at the same address: then all of
// them reach a phone behind a NAT.
func (p *proxy) sharesAddress() bool {
	return p.sipAddress != "" || len(p.config.Load().Shared()) > 0
}

// sipAddresses are where to receive SIP: at the one that is set, else at those that the
// members share, else at this member's own, and at the pod's of the other family if it
// has one.
func (p *proxy) sipAddresses(own string) (first, second netip.Addr, err error) {
	if p.sipAddress != "" {
		first, err = netip.ParseAddr(p.sipAddress)
		return first, second, err
	}
	if shared := p.config.Load().Shared(); len(shared) > 0 {
		return shared[0], slices.Concat(shared, []netip.Addr{{}})[1], nil
	}
	if first, err = netip.ParseAddr(own); err != nil {
		return first, second, err
	}
	for text := range strings.SplitSeq(p.podAddresses, ",") {
		if a, err := netip.ParseAddr(strings.TrimSpace(text)); err == nil && a.Unmap().Is4() != first.Unmap().Is4() {
			return first, a, nil
		}
	}
	return first, second, nil
}

// nonceLife is how long nonces are good for as this process starts, ms; 0 where it gives out none.
func nonceLife(a *config.Authentication) int64 {
	if a == nil || a.Open {
		return 0
	}
	return 1000 * int64(a.Digest.NonceSeconds)
}

func (p *proxy) startPeer(self config.Member, keys *config.Keys, handler peer.Handler) (*peer.Node, error) {
	c := p.config.Load()
	cfg := peer.Config{
		Cluster: c.Cluster, ID: self.ID, Name: self.Name, Address: self.Address, Ports: c.Ports, Keys: keys,
		Limits: location.Limits{MaxContacts: c.Registrar.MaxContacts, NonceLife: nonceLife(c.Authentication)}, Budget: limitMemory(os.DirFS("/")), Handler: handler, Trust: p.trust.Load, Registry: p.metrics.registry, Log: p.log,
	}
	if p.lease != nil {
		cfg.Suspects = p.lease.Report
	}
	return peer.Start(cfg)
}

func advertised(c *config.Config, set *config.MemberSet) string {
	if set.Advertise != "" {
		return set.Advertise
	}
	return c.Advertise
}

// startAdmin serves health and the rest as soon as an address is known.
func (p *proxy) startAdmin(address string) error {
	if p.admin != nil || address == "" {
		return nil
	}
	c := p.config.Load()
	a, err := admin.Start(admin.Config{
		Address:       net.JoinHostPort(address, strconv.Itoa(c.Ports.Admin)),
		HealthAddress: net.JoinHostPort(address, strconv.Itoa(c.Ports.Health)),
		Backend:       backend{p}, Gatherer: p.metrics.registry,
		Profiling: c.Profiling, Log: p.log,
	})
	if err != nil {
		return err
	}
	p.admin = a
	return nil
}

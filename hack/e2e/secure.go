//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/flow"
)

const (
	secureCase = "tls"
	// secureSecret has the certificate of its SIPCluster.
	secureSecret = "secure-tls"
	// door is the user of a second baresip.
	door = "door"
	// bareExpires is how long baresip registers for, in seconds.
	bareExpires = 5
	// secureLimit bounds a call, waiting for a phone included.
	secureLimit = 30 * time.Second
)

var (
	secureVIP   = netip.MustParseAddrPort("203.0.113.26:5060")
	securePorts = map[flow.Transport]uint16{flow.UDP: 5060, flow.TCP: 5060, flow.TLS: 5061, flow.WSS: 8443}
	secureSoft  = netip.MustParseAddr("198.51.100.243") // and the next one
	// secureKinds are what the simulated phones are on. The first four call everybody, the
	// first and the others whoever has lost its connection.
	secureKinds = []flow.Transport{flow.UDP, flow.TCP, flow.TLS, flow.WSS, flow.UDP, flow.UDP}
)

// secure is a SIPCluster with softphones that others wrote, whose connections are over TLS
// and TCP, and phones of every transport.
type secure struct {
	*env
	stack     stack
	authority *fleet.Authority
	result    *result
	guest     *linphone
	soft      []softEnd
	phones    []*phoneEnd
}

// playSecure has everybody call everybody, and the proxies die that softphones are
// connected to: these come back by themselves, and no call to them is lost.
func playSecure(ctx context.Context, e *env) (_ []*result, err error) {
	s := &secure{result: &result{Case: secureCase, Title: "softphones over TLS", Patience: secureLimit}}
	results := []*result{s.result}
	if e.stage.o.ipv6 {
		s.result.Skipped = "the clients are configured for IPv4 here"
		return results, nil
	}
	s.stack = stack{
		name: secureCase, sipCluster: "secure", manifest: "hack/e2e/manifests/secure.yaml", families: []corev1.IPFamily{corev1.IPv4Protocol},
		party: party{
			proxy: secureVIP, passwords: e.party.passwords,
			in: e.kube.inClient, command: e.kube.clientCommand, step: e.stage.step,
		},
	}
	s.env = &env{stage: e.stage, kube: e.kube, proxies: &proxies{kube: e.kube, name: s.stack.sipCluster}, party: &s.stack.party}
	if s.authority, err = fleet.NewAuthority(); err != nil {
		return results, err
	}
	if err := s.certify(ctx); err != nil {
		return results, err
	}
	leave, err := s.arrive(ctx, &s.stack)
	if err != nil {
		return results, err
	}
	defer func() { err = errors.Join(err, leave(context.WithoutCancel(ctx))) }()
	defer func() {
		if (err != nil || s.result.failed()) && ctx.Err() == nil {
			err = errors.Join(err, s.stage.keepLogs(func(dir string) error { return s.keep(ctx, dir) }))
		}
	}()
	defer s.part()
	b := balanceConnections(ctx, s.party, s.kube, s.stack.sipCluster)
	defer func() { err = errors.Join(err, b.end()) }()
	if err := eventually(ctx, installLimit, func(context.Context) error { return b.has(3) }); err != nil {
		return results, err
	}
	return results, s.play(ctx)
}

func (s *secure) play(ctx context.Context) error {
	if err := s.gather(ctx); err != nil {
		return err
	}
	if err := s.distrusts(ctx); err != nil {
		return err
	}
	s.connected(ctx)
	s.everybody(ctx)
	s.result.note(s.moves(ctx))
	s.result.note(s.browses(ctx))
	if err := s.losses(ctx); err != nil {
		return err
	}
	s.everybody(ctx)
	s.result.Registered = s.party.load.Registered(ctx)
	return nil
}

// certify makes the Secret of a certificate by the authority.
func (s *secure) certify(ctx context.Context) error {
	c, err := s.authority.Issue(domain)
	if err != nil {
		return err
	}
	secrets := s.kube.cluster.Client().CoreV1().Secrets(namespace)
	if err := secrets.Delete(ctx, secureSecret, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secureSecret}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: c.Chain, corev1.TLSPrivateKeyKey: c.Key},
	}, metav1.CreateOptions{})
	return err
}

// gather has everybody register, through whichever proxy the load balancer gives.
func (s *secure) gather(ctx context.Context) (err error) {
	if err := eventually(ctx, installLimit, s.party.routed); err != nil {
		return err
	}
	if err := s.gatherPhones(ctx); err != nil {
		return err
	}
	if err := s.gatherGuest(ctx); err != nil {
		return err
	}
	trust, err := s.write("ca.crt", s.authority.PEM())
	if err != nil {
		return err
	}
	for i, line := range []bareLine{{user: desk, transport: "tls"}, {user: door, transport: "tcp"}} {
		line.server = s.at(map[string]flow.Transport{"tls": flow.TLS, "tcp": flow.TCP}[line.transport])
		line.at, line.expires, line.further = within(secureSoft, netip.MustParseAddr("198.51.100.245"))(i), bareExpires, "sip_cafile "+trust+"\n"
		b, err := s.party.startBareLine(ctx, line)
		if err != nil {
			return err
		}
		s.soft = append(s.soft, &bareEnd{b, line})
	}
	s.stage.step("%d phones, linphone over TLS, baresip over TLS and another over TCP are registered", len(s.phones))
	return nil
}

func (s *secure) at(over flow.Transport) netip.AddrPort {
	return netip.AddrPortFrom(s.party.proxy.Addr(), securePorts[over])
}

func (s *secure) write(name string, text []byte) (path string, err error) {
	dir, err := os.MkdirTemp("", "secure-")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, name)
	return path, os.WriteFile(path, text, 0o644)
}

func (s *secure) gatherPhones(ctx context.Context) (err error) {
	bound := 0
	at := within(phonesAddress, softAddress)
	s.party.load, err = phones.NewLoad(len(secureKinds), phones.Config{Domain: domain, TLS: s.authority.Client(), Dial: s.dial}, func(cfg phones.Config) (p *phones.Phone, err error) {
		cfg.Transport, cfg.Password, cfg.Local = secureKinds[bound], s.party.passwords[cfg.User], netip.AddrPortFrom(at(bound), 0)
		cfg.Proxy = s.at(cfg.Transport)
		bound++
		err = s.party.in(func() error { p, err = phones.New(cfg); return err })
		return p, err
	})
	if err != nil {
		return err
	}
	for _, p := range s.party.load.Phones {
		s.phones = append(s.phones, &phoneEnd{phone: p})
	}
	if o := s.party.load.Register(ctx); !o.Whole() {
		return fmt.Errorf("%v phones registered: %v", o, o.Errors)
	}
	return nil
}

// dial opens a phone's connection, on the client machine.
func (s *secure) dial(ctx context.Context, from, to netip.AddrPort) (conn net.Conn, err error) {
	err = s.party.in(func() error {
		conn, err = (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from)}).DialContext(ctx, "tcp4", to.String())
		return err
	})
	return conn, err
}

// gatherGuest starts linphone, which knows the cluster by its domain's name.
func (s *secure) gatherGuest(ctx context.Context) (err error) {
	line, err := s.guestLine(s.authority)
	if err != nil {
		return err
	}
	if s.guest, err = s.party.runLinphone(ctx, line, s.party.passwords[guest]); err != nil {
		return err
	}
	if err := s.party.awaitLinphone(ctx, s.guest); err != nil {
		return err
	}
	s.soft = append(s.soft, &guestEnd{s.guest, line})
	return nil
}

// guestFurther has linphone look at the certificate and its name, and try again soon after
// a connection was refused.
const guestFurther = `verify_server_certs=1
verify_server_cn=1
root_ca=%s
refresher_retry_after=1000
`

func (s *secure) guestLine(a *fleet.Authority) (line guestLine, err error) {
	trust, err := s.write("ca.crt", a.PEM())
	if err != nil {
		return line, err
	}
	line = guestLine{port: -1, server: fmt.Sprintf("%s:%d", domain, securePorts[flow.TLS]), transport: "tls", further: fmt.Sprintf(guestFurther, trust)}
	line.hosts, err = s.write("hosts", fmt.Appendf(nil, "127.0.0.1 localhost\n%s %s\n", s.party.proxy.Addr(), domain))
	return line, err
}

// distrusts: another linphone, which trusts another authority, does not register.
func (s *secure) distrusts(ctx context.Context) error {
	other, err := fleet.NewAuthority()
	if err != nil {
		return err
	}
	line, err := s.guestLine(other)
	if err != nil {
		return err
	}
	l, err := s.party.runLinphone(ctx, line, s.party.passwords[guest])
	if err != nil {
		return err
	}
	defer l.stop()
	if err := eventually(ctx, startLimit, func(context.Context) error {
		said, err := os.ReadFile(l.log)
		if err == nil && !strings.Contains(string(said), "Certificate verification failed") {
			err = errors.New("linphone that trusts another authority does not say that verification failed")
		}
		return err
	}); err != nil {
		return err
	}
	said, err := os.ReadFile(l.log)
	if err == nil && strings.Contains(string(said), "Register refresher [200]") {
		err = errors.New("linphone that trusts another authority has registered")
	}
	return err
}

// part ends everybody.
func (s *secure) part() {
	for _, e := range s.soft {
		if b, ok := e.(*bareEnd); ok {
			b.stop()
		}
	}
	if s.guest != nil {
		s.guest.stop()
	}
	if s.party.load != nil {
		s.party.load.Close()
	}
}

// keep writes the logs of proxies and softphones.
func (s *secure) keep(ctx context.Context, dir string) error {
	errs := []error{s.saveLogs(ctx, dir)}
	keep := func(name, from string) {
		raw, err := os.ReadFile(from)
		errs = append(errs, err, os.WriteFile(filepath.Join(dir, s.proxies.name, name), raw, 0o600))
	}
	for _, e := range s.soft {
		switch e := e.(type) {
		case *bareEnd:
			keep("baresip-"+e.user()+".log", e.log.Name())
		case *guestEnd:
			keep("linphone.log", e.log)
			keep("linphone.screen", e.screen)
		}
	}
	return errors.Join(errs...)
}

//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

// mixVIP is the address of the SIPCluster with phones on every transport.
var mixVIP = netip.MustParseAddrPort("203.0.113.22:5060")

// entries are the ports of transports, by default.
var entries = []struct {
	over flow.Transport
	port uint16
}{
	{flow.UDP, config.DefaultSIPPort}, {flow.TCP, config.DefaultSIPPort}, {flow.TLS, config.DefaultSIPSPort}, {flow.WSS, config.DefaultWSSPort},
}

// mixed has the i-th phone be on one of all transports in turn, and those with
// connections take turns at knowing RFC 5626.
func (p *party) mixed(cfg *phones.Config, i int) {
	if p.authority == nil {
		return
	}
	e := entries[i%len(entries)]
	cfg.Transport, cfg.Proxy = e.over, p.entry(e.over, e.port)
	// One of UDP that knows it is called by its flow alone, of which another proxy may know
	// nothing where the kernel of a node has given it another port: see within.
	cfg.Outbound = e.over != flow.UDP && i/len(entries)%2 == 1
	cfg.TLS, cfg.Dial = p.authority.Client(), p.dial
}

// entry is where a phone of a transport begins: of UDP at the cluster's address. The
// machine's routes there know no connections, and take them to other nodes when a node
// comes or goes; so those go to a proxy each, as by a load balancer that keeps them.
func (p *party) entry(over flow.Transport, port uint16) netip.AddrPort {
	if over == flow.UDP {
		return netip.AddrPortFrom(p.proxy.Addr(), port)
	}
	return netip.AddrPortFrom(p.ready(), port)
}

// moves are what makes phones with connections go to other proxies, as asked.
func (s *stack) moves() []fault {
	scale := func(name, title string, n int, victim string) fault {
		return fault{
			name: s.name + "-" + name, title: title + ", " + s.over, replicas: n, victim: victim, patience: patience,
			do: kubectlFault("scale", "sipcluster", s.sipCluster, fmt.Sprintf("--replicas=%d", n)),
		}
	}
	return []fault{
		scale("scale-up", "scale 3 to 4", 4, ""),
		scale("scale-down", "scale to 2", 2, s.sipCluster+"-2"),
		scale("scale-back", "scale to 3", 3, ""),
		{
			name: s.name + "-rollout", title: "rolling update, " + s.over, replicas: 3, patience: patience, rolled: true,
			do: rollingUpdate(s.sipCluster),
		},
	}
}

// dial opens a connection where the sockets belong.
func (p *party) dial(ctx context.Context, from, to netip.AddrPort) (conn net.Conn, err error) {
	err = p.in(func() error {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from)}
		conn, err = d.DialContext(ctx, "tcp", to.String())
		return err
	})
	return conn, err
}

// bind makes a phone, whose socket belongs elsewhere.
func (p *party) bind(cfg phones.Config) (one *phones.Phone, err error) {
	if cfg.Transport != flow.UDP { // it has no socket but what dial opens
		if one, err = phones.New(cfg); err == nil {
			one.SetRoute(func() netip.AddrPort { return p.entry(cfg.Transport, cfg.Proxy.Port()) })
		}
		return one, err
	}
	err = p.in(func() error {
		one, err = phones.New(cfg)
		return err
	})
	return one, err
}

// putCertificate makes the Secret with a certificate of the domain.
func (k *kube) putCertificate(ctx context.Context, name string, by *fleet.Authority) error {
	c, err := by.Issue(domain)
	if err != nil {
		return err
	}
	_, err = k.cluster.Client().CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: c.Chain, corev1.TLSPrivateKeyKey: c.Key},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	return nil
}

func (k *kube) removeSecret(ctx context.Context, name string) error {
	err := k.cluster.Client().CoreV1().Secrets(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

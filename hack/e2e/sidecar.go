//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/demo/phones"
)

const (
	sidecarCase = "sidecar"
	// echoImage is that of hack/echo, and echoContainer its container.
	echoImage     = "sipring.local/echo:e2e"
	echoContainer = "echo"
	// echoStatus is the port at which it says what it does.
	echoStatus = "8090"
	// sidecarCallers are phones, and conferences the users that are called at the
	// application.
	sidecarCallers, conferences = 10, 30
	// sidecarPatience bounds a call to an application that serves.
	sidecarPatience = 2 * time.Second
)

var (
	sidecarVIP     = netip.MustParseAddrPort("203.0.113.27:5060")
	sidecarPhoneAt = netip.MustParseAddr("198.51.100.247")
)

// sidecar is a SIPCluster with an application beside each proxy.
type sidecar struct {
	*env
	stack  stack
	result *result
	taken  map[string][]time.Time // when each application answered a call, of meanwhile
}

func conference(i int) string { return fmt.Sprintf("conf-%d", i) }

// playSidecar has phones call an application beside the proxies while that, a proxy or
// both fail.
func playSidecar(ctx context.Context, e *env) ([]*result, error) {
	r := &result{Case: sidecarCase, Title: "an application beside each proxy", Patience: sidecarPatience}
	results := []*result{r}
	if e.stage.o.ipv6 {
		r.Skipped = "the phones are configured for IPv4 here"
		return results, nil
	}
	if err := e.kube.loadImage(ctx, echoImage, filepath.Join("bin", "echo")); err != nil {
		return results, err
	}
	s := e.newSidecar(sidecarCase, "apps", "hack/e2e/manifests/sidecar.yaml", sidecarVIP, r)
	return results, s.stay(ctx, func(ctx context.Context) error {
		for _, event := range sidecarEvents() {
			began := time.Now()
			if err := event.play(ctx, s); err != nil {
				s.result.note(fmt.Errorf("%s: %w", event.title, err))
			}
			if err := s.counted(ctx); err != nil {
				s.result.note(fmt.Errorf("after %s: %w", event.title, err))
			}
			s.stage.step("%s: %.1f s", event.title, time.Since(began).Seconds())
			if err := s.serve(ctx, 3); err != nil {
				return fmt.Errorf("after %s: %w", event.title, err)
			}
		}
		s.result.Registered = s.party.load.Registered(ctx)
		return nil
	})
}

// newSidecar is the SIPCluster of a manifest, which is reached at an address.
func (e *env) newSidecar(name, sipCluster, manifest string, at netip.AddrPort, r *result) *sidecar {
	s := &sidecar{result: r, stack: stack{
		name: name, sipCluster: sipCluster, manifest: manifest, families: []corev1.IPFamily{corev1.IPv4Protocol},
		party: party{
			proxy: at, passwords: e.party.passwords,
			in: e.kube.inClient, command: e.kube.clientCommand, step: e.stage.step,
		},
	}}
	s.env = &env{stage: e.stage, kube: e.kube, proxies: &proxies{kube: e.kube, name: sipCluster}, party: &s.stack.party}
	return s
}

// stay has the SIPCluster be there, with callers, while something is done.
func (s *sidecar) stay(ctx context.Context, do func(ctx context.Context) error) (err error) {
	leave, err := s.arrive(ctx, &s.stack)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(context.WithoutCancel(ctx))) }()
	defer func() {
		if (err != nil || s.result.failed()) && ctx.Err() == nil {
			err = errors.Join(err, s.stage.keepLogs(func(dir string) error { return s.saveLogs(ctx, dir) }))
		}
	}()
	defer func() {
		if s.party.load != nil {
			s.party.load.Close()
		}
	}()
	if err := s.gather(ctx); err != nil {
		return err
	}
	return do(ctx)
}

func (s *sidecar) gather(ctx context.Context) (err error) {
	if err := eventually(ctx, installLimit, s.party.routed); err != nil {
		return err
	}
	s.party.load, err = phones.NewLoad(sidecarCallers, phones.Config{}, func(cfg phones.Config) (*phones.Phone, error) { return s.newPhone(cfg) })
	if err != nil {
		return err
	}
	if o := s.party.load.Register(ctx); !o.Whole() {
		return fmt.Errorf("%v phones registered: %v", o, o.Errors)
	}
	return s.serve(ctx, 3)
}

// newPhone makes one of a user.
func (s *sidecar) newPhone(cfg phones.Config) (p *phones.Phone, err error) {
	cfg.Domain, cfg.Proxy, cfg.Password, cfg.Local = domain, s.party.proxy, s.party.passwords[cfg.User], netip.AddrPortFrom(sidecarPhoneAt, 0)
	err = s.party.in(func() error { p, err = phones.New(cfg); return err })
	return p, err
}

// phone makes one, and has it register.
func (s *sidecar) phone(ctx context.Context, cfg phones.Config) (*phones.Phone, error) {
	p, err := s.newPhone(cfg)
	if err != nil {
		return nil, err
	}
	if err := p.Register(ctx, s.party.registersFor()); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// serve waits until the ring is whole, and so many applications serve.
func (s *sidecar) serve(ctx context.Context, n int) error {
	return eventually(ctx, installLimit, func(ctx context.Context) error {
		if err := s.proxies.whole(ctx, n, nil); err != nil {
			return err
		}
		pods, err := s.proxies.pods(ctx)
		if err != nil {
			return err
		}
		for i := range pods {
			if beside, err := s.besideOf(ctx, &pods[i]); err != nil || beside.State != "Serving" {
				return fmt.Errorf("beside %s: %+v, %w", pods[i].Name, beside, err)
			}
			if pods[i].Spec.Containers[0].Name != echoContainer { // which says nothing of itself
				continue
			}
			if st, err := s.status(ctx, &pods[i]); err != nil || !st.Ready {
				return fmt.Errorf("the application of %s: %+v, %w", pods[i].Name, st, err)
			}
		}
		return s.condition(ctx, "ApplicationsReady", "True")
	})
}

// condition returns nil if the SIPCluster has one.
func (s *sidecar) condition(ctx context.Context, kind, status string) error {
	c, err := s.kube.sipCluster(ctx, namespace, s.stack.sipCluster)
	if err != nil {
		return err
	}
	for _, have := range c.Status.Conditions {
		if have.Type == kind && string(have.Status) == status {
			return nil
		}
	}
	return fmt.Errorf("SIPCluster %s is not %s=%s: %+v", s.stack.sipCluster, kind, status, c.Status.Conditions)
}

// echoState is what an application says of itself.
type echoState struct {
	Name                 string
	Ready, Leaving       bool
	Calls                map[string]int
	Answered             int64
	Pokes, PokesAnswered int64
}

func (s *sidecar) status(ctx context.Context, pod *corev1.Pod) (st echoState, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	raw, err := fetch(ctx, s.kube.cluster, "http://"+net.JoinHostPort(pod.Status.PodIP, echoStatus)+"/status")
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal(raw, &st)
}

// counted is nil once the proxies count the calls that the applications beside them have.
func (s *sidecar) counted(ctx context.Context) error {
	return eventually(ctx, startLimit, func(ctx context.Context) error {
		pods, err := s.proxies.pods(ctx)
		if err != nil {
			return err
		}
		for i := range pods {
			beside, err := s.besideOf(ctx, &pods[i])
			if err != nil {
				return err
			}
			st, err := s.status(ctx, &pods[i])
			if err != nil {
				return err
			}
			has := 0
			for _, n := range st.Calls {
				has += n
			}
			if has != beside.Calls {
				return fmt.Errorf("the application of %s has %d calls, and its proxy counts %d", pods[i].Name, has, beside.Calls)
			}
		}
		return nil
	})
}

// place is where a call is.
type place struct {
	*phones.Call
	caller *phones.Phone
	user   string
}

// dial has the i-th caller call a user.
func (s *sidecar) dial(ctx context.Context, i int, user string, patience time.Duration) (place, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	caller := s.party.load.Phones[i%len(s.party.load.Phones)]
	call, err := caller.Dial(ctx, user)
	return place{call, caller, user}, err
}

// homes calls each conference and hangs up: which application has each.
func (s *sidecar) homes(ctx context.Context) (at map[string]string, err error) {
	at = map[string]string{}
	for i := range conferences {
		c, err := s.dial(ctx, i, conference(i), sidecarPatience)
		if err != nil {
			return nil, err
		}
		at[c.user] = c.Application
		if err := c.hangUp(ctx); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// hangUp is nil if the BYE was answered 200 in time.
func (c place) hangUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sidecarPatience)
	defer cancel()
	return c.Bye(ctx)
}

// ends is nil if the BYE of a call whose application has died is answered in time, 481 too.
func (c place) ends(ctx context.Context) error {
	err := c.hangUp(ctx)
	if phones.Status(err) == 481 {
		return nil
	}
	return err
}

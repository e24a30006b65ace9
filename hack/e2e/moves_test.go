//go:build linux

package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/demo"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/command/commandtest"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

func TestMain(m *testing.M) {
	if commandtest.Ran() {
		return
	}
	os.Exit(m.Run())
}

// softphones returns those that others wrote, connected to three proxies on this machine, and
// phones of ours on UDP. Where they are not installed the test is skipped, unless they are
// to be.
func softphones(t *testing.T) (proxies *demo.Proxies, soft []holder, callers []*phoneEnd) {
	t.Helper()
	for _, program := range []string{"baresip", "linphonec"} {
		if _, err := exec.LookPath(program); err != nil {
			const how = "no %s here: hack/tools/packages.sh hack/e2e/packages.txt, as root, installs Debian's"
			if os.Getenv("CI") != "" {
				t.Fatalf(how, program)
			}
			t.Skipf(how, program)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	guests := demo.Guests{Phones: 3, Users: []string{desk, door, guest}, Algorithms: []string{config.AlgorithmMD5}, MinExpires: bareExpires, Connected: true}
	proxies, err = demo.StartProxies(t.Context(), self, 3, guests, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxies.Close)
	p := &party{
		passwords: proxies.Passwords(), proxy: proxies.Address(),
		in: func(f func() error) error { return f() },
		command: func(ctx context.Context, name string, args ...string) *exec.Cmd {
			return mortal(exec.CommandContext(ctx, name, args...))
		},
		step: func(format string, args ...any) { t.Logf(format, args...) },
	}
	p.load, err = phones.NewLoad(3, phones.Config{Domain: domain, Proxy: p.proxy, Local: netip.AddrPortFrom(proxies.Host(barePhones), 0)}, func(cfg phones.Config) (*phones.Phone, error) {
		cfg.Password = p.passwords[cfg.User]
		return phones.New(cfg)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.load.Close)
	if o := p.load.Register(t.Context()); !o.Whole() {
		t.Fatal(o.Errors)
	}
	// Others look at the certificate.
	line := guestLine{port: -1, server: proxies.Entry(flow.TLS).String(), transport: "tls", further: "verify_server_certs=0\nverify_server_cn=0\nrefresher_retry_after=1000\n"}
	l, err := p.runLinphone(t.Context(), line, p.passwords[guest])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.stop)
	if err := p.awaitLinphone(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	soft = append(soft, &guestEnd{l, line})
	for i, line := range []bareLine{
		{user: desk, transport: "tls", server: proxies.Entry(flow.TLS)}, {user: door, transport: "tcp", server: proxies.Entry(flow.TCP)},
	} {
		line.at, line.expires = proxies.Host(byte(bareSoftphone+i)), bareExpires
		b, err := p.startBareLine(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.stop)
		soft = append(soft, &bareEnd{b, line})
	}
	for _, x := range p.load.Phones {
		callers = append(callers, &phoneEnd{phone: x})
	}
	return proxies, soft, callers
}

// Softphones that others wrote, over TLS and TCP, put each other on hold, transfer each other to
// a phone on UDP, and hang up, whoever called.
func TestSoftphonesHoldAndTransfer(t *testing.T) {
	_, soft, callers := softphones(t)
	if n, err := moves(t.Context(), soft, callers[0]); n != len(soft)*(len(soft)-1)*2 || err != nil {
		t.Errorf("%d calls, then %v", n, err)
	}
}

// everySoftphone in the environment has every test of them run.
const everySoftphone = "SIPRING_SOFTPHONES"

// Each proxy dies once, in calls of softphones with phones. What the phones hang up at once is
// told to whoever has lost its connection when it is back, and then it calls and hangs up.
func TestSoftphonesWhoseProxiesAreKilled(t *testing.T) {
	if os.Getenv(everySoftphone) == "" {
		t.Skip("baresip waits for half a minute, and more, after a REGISTER in vain: make softphones; the case tls of make e2e kills proxies too")
	}
	proxies, soft, callers := softphones(t)
	for n, victim := range proxies.Names() {
		for i, e := range soft {
			from, to := end(callers[i]), end(e)
			if n == 1 {
				from, to = to, from
			}
			if err := during(t.Context(), func() error { return from.dial(t.Context(), to.user()) }, up(from), up(to)); err != nil {
				t.Fatalf("%s calls %s: %v", from.user(), to.user(), err)
			}
		}
		if _, err := proxies.Kill(victim); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i, e := range soft {
			all.Go(func() {
				began, failed := time.Now(), failures(e)
				err := during(t.Context(), func() error { return callers[i].hangUp(t.Context()) }, over(e))
				if b, ok := e.(*bareEnd); ok && err != nil && failures(e) > failed {
					t.Logf("%s registered in vain, and waits before it does again: %v", e.user(), err)
					err = b.resumes(t.Context())
				}
				if err != nil {
					t.Errorf("%s is killed, and %s hangs up: %v", victim, callers[i].user(), err)
				}
				t.Logf("%s is killed, and %s hears that its call is over after %v", victim, e.user(), time.Since(began).Round(time.Millisecond))
				if err := converse(t.Context(), e, callers[i], false); err != nil {
					t.Errorf("%s is killed, and then %v", victim, err)
				}
			})
		}
		all.Wait()
		if err := proxies.Whole(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// failures is how often a baresip has registered in vain.
func failures(e end) int {
	if b, ok := e.(*bareEnd); ok {
		return b.count("REGISTER_FAIL")
	}
	return 0
}

// bareBackOff is longer than baresip waits after it has registered in vain (RFC 5626 4.5): longer
// than any request waits for it.
const bareBackOff = 70 * time.Second

// resumes waits until baresip is registered again, and has it hang up itself.
func (e *bareEnd) resumes(ctx context.Context) error {
	const registered = "REGISTER_OK"
	before := e.count(registered)
	if err := eventually(ctx, bareBackOff, func(context.Context) error {
		if e.count(registered) == before {
			return errors.New("it is not registered again")
		}
		return nil
	}); err != nil {
		return err
	}
	return during(ctx, func() error { return e.hangUp(ctx) }, over(e))
}

//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/demo"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/command"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

// child in the environment makes the test binary what the tests start: sipring.
const child = "SIPRING_E2E_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		root := &cobra.Command{Use: "sipring", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(command.Proxy())
		if err := root.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, "sipring:", err)
			os.Exit(1)
		}
		return
	}
	if err := os.Setenv(child, "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// softphones returns those that others wrote, connected to three proxies on this machine, and
// a phone of ours on UDP. Where they are not installed the test is skipped, unless they are
// to be.
func softphones(t *testing.T) (soft []holder, third *phoneEnd) {
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
	guests := demo.Guests{Phones: 1, Users: []string{desk, door, guest}, Algorithms: []string{config.AlgorithmMD5}, Connected: true}
	proxies, err := demo.StartProxies(t.Context(), self, 3, guests, t.Output())
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
	p.load, err = phones.NewLoad(1, phones.Config{Domain: domain, Proxy: p.proxy, Local: netip.AddrPortFrom(proxies.Host(barePhones), 0)}, func(cfg phones.Config) (*phones.Phone, error) {
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
	line := guestLine{port: -1, server: proxies.Entry(flow.TLS).String(), transport: "tls", further: "verify_server_certs=0\nverify_server_cn=0\n"}
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
		line.at, line.expires = proxies.Host(byte(bareSoftphone+i)), 600
		b, err := p.startBareLine(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.stop)
		soft = append(soft, &bareEnd{b, line})
	}
	return soft, &phoneEnd{phone: p.load.Phones[0]}
}

// Softphones that others wrote, over TLS and TCP, put each other on hold, transfer each other to
// a phone on UDP, and hang up, whoever called.
func TestSoftphonesHoldAndTransfer(t *testing.T) {
	soft, third := softphones(t)
	for _, from := range soft {
		for _, to := range soft {
			for _, byCallee := range []bool{false, true} {
				if from == to {
					continue
				}
				m := &move{from: from, to: to, third: third, byCallee: byCallee}
				if err := m.play(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

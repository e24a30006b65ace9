package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// testPorts are those of newFolder's configuration, by the setting that names them.
var testPorts = map[string]string{"ports.sip": "15060", "listeners": "15061", "ports.peer": "17947", "ports.health": "17948", "ports.admin": "19090"}

// hold takes an address until the returned function is called.
func hold(t *testing.T, network, address string) (release func()) {
	t.Helper()
	var held io.Closer
	var err error
	if network == "udp" {
		held, err = (&net.ListenConfig{}).ListenPacket(t.Context(), network, address)
	} else {
		held, err = (&net.ListenConfig{}).Listen(t.Context(), network, address)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = held.Close() }
}

// fails runs a proxy that must end by itself, with an error that has all of wants
// in it, and leave no goroutine behind and no port taken.
func (f *folder) fails(args []string, wants ...string) {
	f.t.Helper()
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := Proxy()
	cmd.SetArgs(args)
	cmd.SetErr(io.Discard)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		f.t.Fatal("it ended without an error")
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			f.t.Errorf("it ended with %q, which lacks %q", err, want)
		}
	}
	goleak.VerifyNone(f.t, before)
}

func (f *folder) arguments() []string {
	return []string{
		"--config", f.file("config.yaml"), "--members", f.file("members.json"), "--keys", f.file("keys.json"),
		"--name", "m1", "--address", f.set.Members[0].Address,
	}
}

func without(args []string, flag string) []string {
	i := slices.Index(args, flag)
	return slices.Delete(slices.Clone(args), i, i+2)
}

// TestStartThatFindsAPortInUse names the setting and the port, whichever it is,
// and leaves all other ports free.
func TestStartThatFindsAPortInUse(t *testing.T) {
	for name, tt := range map[string]struct {
		setting, network string
		byMembers        bool // the address comes with the member set
	}{
		"SIP":                       {setting: "ports.sip", network: "udp"},
		"a further listener":        {setting: "listeners", network: "udp"},
		"admin":                     {setting: "ports.admin", network: "tcp"},
		"admin, by the member set":  {setting: "ports.admin", network: "tcp", byMembers: true},
		"health":                    {setting: "ports.health", network: "tcp"},
		"health, by the member set": {setting: "ports.health", network: "tcp", byMembers: true},
		"peers":                     {setting: "ports.peer", network: "tcp"},
		"peers, by the member set":  {setting: "ports.peer", network: "tcp", byMembers: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t, 1)
			args := f.arguments()
			if tt.setting == "listeners" {
				c, err := os.ReadFile(f.file("config.yaml"))
				if err != nil {
					t.Fatal(err)
				}
				f.write("config.yaml", fmt.Appendf(c, "listeners: [{name: phones}, {name: trunks, port: %s}]\n", testPorts[tt.setting]))
			}
			if tt.byMembers {
				args = without(args, "--address")
			}
			release := hold(t, tt.network, net.JoinHostPort(f.set.Members[0].Address, testPorts[tt.setting]))
			f.fails(args, tt.setting, testPorts[tt.setting], "address already in use")
			release()
			for _, port := range testPorts {
				for _, network := range []string{"tcp", "udp"} {
					hold(t, network, net.JoinHostPort(f.set.Members[0].Address, port))()
				}
			}
			stop := f.start("m1", args...) // nothing is left that keeps another out
			f.await(1, "/readyz", ready)
			stop()
		})
	}
}

// TestStartThatFailsBeforeItsSockets: what is read first is named when it is of no use.
func TestStartThatFailsBeforeItsSockets(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(f *folder, args []string) []string
		want  string
	}{
		"no configuration": {func(f *folder, args []string) []string { f.remove("config.yaml"); return args }, "config.yaml"},
		"a configuration that cannot work": {func(f *folder, args []string) []string {
			f.write("config.yaml", []byte("cluster: test\ndomains: [example.com]\nports: {sip: 70000}\n"))
			return args
		}, "ports.sip"},
		"two settings with one port": {func(f *folder, args []string) []string {
			f.write("config.yaml", []byte("cluster: test\ndomains: [example.com]\nports: {peer: 7948}\n"))
			return args
		}, "port 7948 is already ports.peer"},
		"no keys": {func(f *folder, args []string) []string { f.remove("keys.json"); return args }, "keys.json"},
		"keys that are none": {func(f *folder, args []string) []string {
			f.write("keys.json", []byte("{}"))
			return args
		}, "keys.json"},
		"no trust": {func(f *folder, args []string) []string { return append(args, "--trust", f.file("trust.json")) }, "trust.json"},
		"trust that is none": {func(f *folder, args []string) []string {
			f.write("trust.json", []byte(`{"cluster": "a", "keys": []}`))
			return append(args, "--trust", f.file("trust.json"))
		}, "trust.json"},
		"no member set": {func(_ *folder, args []string) []string { return without(args, "--members") }, "--members FILE"},
		"no Kubernetes": {func(_ *folder, args []string) []string {
			return append(without(args, "--members"), "--configmap", "a/b")
		}, "--configmap"},
		"no address":                    {func(_ *folder, args []string) []string { return append(args, "--sip-address", "here") }, "SIP address"},
		"an address of another machine": {func(_ *folder, args []string) []string { return append(args, "--sip-address", "192.0.2.1") }, "ports.sip"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t, 1)
			f.fails(tt.spoil(f, f.arguments()), tt.want)
		})
	}
}

func (f *folder) remove(name string) {
	f.t.Helper()
	if err := os.Remove(f.file(name)); err != nil {
		f.t.Fatal(err)
	}
}

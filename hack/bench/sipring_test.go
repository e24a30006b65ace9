package main

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// What is written must be what the proxy accepts, or the column stays empty.
func TestSipringFilesAreValid(t *testing.T) {
	argv, err := sipringCommand("bin/sipring", t.TempDir(), true, setup{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseConfig(fileOf(t, argv, "--config"))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Profiling || c.Ports.SIP != int(sipringAddress.Port()) || c.Ports.Admin != sipringAdminPort || !slices.Equal(c.Domains, []string{domain}) {
		t.Errorf("configuration %+v", c)
	}
	members, err := config.ParseMemberSet(fileOf(t, argv, "--members"))
	if err != nil {
		t.Fatal(err)
	}
	m, ok := members.ByName(argument(t, argv, "--name"))
	if !ok || m.Address != sipringAddress.Addr().String() || m.State != config.Active {
		t.Errorf("member %+v, found: %v", m, ok)
	}
	if _, err := config.ParseKeys(fileOf(t, argv, "--keys")); err != nil {
		t.Error(err)
	}
}

// Users that are asked who they are have their secrets where the configuration says.
func TestSipringAsksItsUsers(t *testing.T) {
	u := &users{n: 2, password: rand.Text()}
	argv, err := sipringCommand("bin/sipring", t.TempDir(), false, setup{users: u})
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseConfig(fileOf(t, argv, "--config"))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Authentication
	if a == nil || bool(a.Open) || !slices.Equal(a.Digest.Algorithms, []string{config.AlgorithmMD5}) || len(a.Credentials.Files) != 1 {
		t.Fatalf("authentication %+v", a)
	}
	text, err := os.ReadFile(a.Credentials.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, name := range []string{"u0", "u1"} {
		sum := md5.Sum([]byte(name + ":" + domain + ":" + u.password))
		want += fmt.Sprintf("%s:%s:%x\n", name, domain, sum)
	}
	if string(text) != want {
		t.Errorf("credentials\n%swant\n%s", text, want)
	}
}

// A server that phones connect to has TLS with a certificate that was made for it, at the
// port after that of TCP, as Kamailio's command line has it too.
func TestServersTakeConnections(t *testing.T) {
	dir := t.TempDir()
	argv, err := sipringCommand("bin/sipring", dir, false, setup{connections: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseConfig(fileOf(t, argv, "--config"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, l := range c.Listeners {
		got[l.Protocol] = l.Port
	}
	if want := map[string]int{"UDP": 15060, "TCP": 15060, "TLS": 15061}; !maps.Equal(got, want) {
		t.Errorf("listeners %v, want %v", got, want)
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(dir, certificateFile), filepath.Join(dir, keyFile)); err != nil {
		t.Error(err)
	}
	dir = t.TempDir()
	argv, err = (&bench{}).kamailioTarget(nameKamailioTLSF, "").command(dir, setup{connections: true})
	if err != nil || !slices.Contains(argv, "TLSPORT=15061") {
		t.Fatalf("%q, %v", argv, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "tls.cfg"))
	if want := "certificate = " + filepath.Join(dir, certificateFile); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s, %v: no %q", text, err, want)
	}
}

// A build during a run must not change what the next round measures.
func TestBinaryIsCopiedOnce(t *testing.T) {
	from := filepath.Join(t.TempDir(), "sipring")
	if err := os.WriteFile(from, []byte("#!/bin/sh\necho sipring v1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := &bench{dir: t.TempDir(), options: options{sipring: from}}
	target := b.sipringTarget()
	version, err := target.prepare(t.Context())
	if err != nil || !strings.HasPrefix(version, "v1, sha256 ") {
		t.Fatalf("version %q, error %v", version, err)
	}
	if err := os.WriteFile(from, []byte("another build"), 0o700); err != nil {
		t.Fatal(err)
	}
	argv, err := target.command(t.TempDir(), setup{})
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(argv[0]); err != nil || !strings.Contains(string(content), "v1") {
		t.Errorf("the second build would be measured: %q, error %v", content, err)
	}
	b.options.sipring += "-missing"
	if _, err := b.sipringTarget().prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "not built") {
		t.Errorf("error %v, want not built", err)
	}
}

// argument is what follows the flag.
func argument(t *testing.T, argv []string, flag string) string {
	t.Helper()
	i := slices.Index(argv, flag)
	if i < 0 || i+1 == len(argv) {
		t.Fatalf("no %s in %q", flag, argv)
	}
	return argv[i+1]
}

func fileOf(t *testing.T, argv []string, flag string) []byte {
	t.Helper()
	b, err := os.ReadFile(argument(t, argv, flag))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
